"""ROUGE-L of a true and a generated answer: recall, as TOFU uses it, and F1, as MUSE does."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float64
from rouge_score.scoring import fmeasure

from simnpo.evaluation.metrics.rouge_words import Words


def rouge_l_recall(pairs: Iterable[tuple[str, str]]) -> Float64[np.ndarray, " pairs"]:
    """Longest common subsequence of words over the reference's words, with Porter stemming.

    Args:
        pairs: (reference, generated) texts.

    Returns:
        One value in [0, 1] per pair; `simnpo.evaluation.metrics.rouge_words` says what a word is.
        NaN where the reference has none, that is not a letter and no digit: a recall of it does not
        exist.
    """
    return _rouge_l(pairs, "recall", stemmed=True)


def rouge_l_f1(pairs: Iterable[tuple[str, str]]) -> Float64[np.ndarray, " pairs"]:
    """Harmonic mean of ROUGE-L's recall and precision, without stemming.

    Args:
        pairs: (reference, generated) texts.

    Returns:
        One value in [0, 1] per pair; NaN as `rouge_l_recall`.
    """
    return _rouge_l(pairs, "fmeasure", stemmed=False)


def unscored(rows: int, total: int) -> str:
    """Return how many rows ROUGE-L leaves out, and why, as a clause for notes."""
    return f"{rows} of {total} rows, whose true answers have no letter and no digit"


def _rouge_l(
    pairs: Iterable[tuple[str, str]], what: Literal["recall", "fmeasure"], stemmed: bool
) -> Float64[np.ndarray, " pairs"]:
    words = _words(stemmed)
    return np.array(
        [
            _score(words.tokenize(reference), words.tokenize(generated), what)
            for reference, generated in pairs
        ],
        dtype=np.float64,
    )


def _score(reference: list[str], generated: list[str], what: str) -> float:
    if not reference:
        return np.nan
    if not generated:
        return 0.0
    common = longest_common(reference, generated)
    recall = common / len(reference)
    return recall if what == "recall" else fmeasure(common / len(generated), recall)


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, without rouge-score's table.

    A row of that table differs from the one before in few places, and is kept as the bits of one
    number (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"). Two answers of 20,000
    words take a second instead of minutes and gigabytes.
    """
    rows, columns = sorted((first, second), key=len)
    places: dict[str, int] = {}
    for place, word in enumerate(rows):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(rows)) - 1
    left = every  # bits of 0 where the length grows
    for word in columns:
        if word in places:
            met = left & places[word]
            left = ((left + met) | (left - met)) & every
    return len(rows) - left.bit_count()


@cache
def _words(stemmed: bool) -> Words:
    return Words(stemmed)
