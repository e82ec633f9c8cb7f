"""ROUGE-L of a true and a generated answer: recall, as TOFU uses it, and F1, as MUSE does."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from jaxtyping import Float64
from rouge_score.rouge_scorer import RougeScorer


def rouge_l_recall(pairs: Iterable[tuple[str, str]]) -> Float64[np.ndarray, " pairs"]:
    """Longest common subsequence of words over the reference's words, with Porter stemming.

    Args:
        pairs: (reference, generated) texts.

    Returns:
        One value in [0, 1] per pair. NaN where the reference has no word: rouge-score's tokenizer
        knows ASCII letters and digits only, so a recall of such a text does not exist.
    """
    return _rouge_l(pairs, "recall", stemmer=True)


def rouge_l_f1(pairs: Iterable[tuple[str, str]]) -> Float64[np.ndarray, " pairs"]:
    """Harmonic mean of ROUGE-L's recall and precision, without stemming.

    Args:
        pairs: (reference, generated) texts.

    Returns:
        One value in [0, 1] per pair; NaN as `rouge_l_recall`.
    """
    return _rouge_l(pairs, "fmeasure", stemmer=False)


def _rouge_l(
    pairs: Iterable[tuple[str, str]], what: str, stemmer: bool
) -> Float64[np.ndarray, " pairs"]:
    scorer = _scorer(stemmer)
    return np.array(
        [
            getattr(scorer.score(reference, generated)["rougeL"], what)
            if _has_word(reference)
            else np.nan
            for reference, generated in pairs
        ],
        dtype=np.float64,
    )


@cache
def _scorer(stemmer: bool) -> RougeScorer:
    return RougeScorer(["rougeL"], use_stemmer=stemmer)


def _has_word(text: str) -> bool:
    return any(letter.isascii() and letter.isalnum() for letter in text.lower())
