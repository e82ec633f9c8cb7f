"""ROUGE-L recall, as TOFU uses it: how much of the true answer a generated one contains."""

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
    scorer = _scorer()
    return np.array(
        [
            scorer.score(reference, generated)["rougeL"].recall if _has_word(reference) else np.nan
            for reference, generated in pairs
        ],
        dtype=np.float64,
    )


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(["rougeL"], use_stemmer=True)


def _has_word(text: str) -> bool:
    return any(letter.isascii() and letter.isalnum() for letter in text.lower())
