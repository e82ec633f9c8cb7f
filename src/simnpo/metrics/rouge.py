"""ROUGE-L of a true and a generated answer: recall, as TOFU uses it, and F1, as MUSE does."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from jaxtyping import Float64
from rouge_score.rouge_scorer import RougeScorer

from simnpo.metrics.rouge_words import Words


def rouge_l_recall(pairs: Iterable[tuple[str, str]]) -> Float64[np.ndarray, " pairs"]:
    """Longest common subsequence of words over the reference's words, with Porter stemming.

    Args:
        pairs: (reference, generated) texts.

    Returns:
        One value in [0, 1] per pair; see `simnpo.metrics.rouge_words` for what a word is. NaN where
        the reference has none, that is no letter and no digit: a recall of it does not exist.
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
    pairs: Iterable[tuple[str, str]], what: str, stemmed: bool
) -> Float64[np.ndarray, " pairs"]:
    words, scorer = _scorer(stemmed)
    return np.array(
        [
            getattr(scorer.score(reference, generated)["rougeL"], what)
            if words.tokenize(reference)
            else np.nan
            for reference, generated in pairs
        ],
        dtype=np.float64,
    )


@cache
def _scorer(stemmed: bool) -> tuple[Words, RougeScorer]:
    words = Words(stemmed)
    return words, RougeScorer(["rougeL"], tokenizer=words)
