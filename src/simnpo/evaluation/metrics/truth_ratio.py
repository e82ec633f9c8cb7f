"""TOFU's truth ratio: how likely wrong answers are next to a paraphrase of the right one.

Everything is in logarithms, since the ratio of a broken model leaves the range of a float.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float64

from simnpo.errors import UserError

Aggregation = Literal["geometric", "arithmetic"]


def log_truth_ratio(
    perturbed: Float64[np.ndarray, "items wrong"],
    paraphrase: Float64[np.ndarray, " items"],
    aggregation: Aggregation = "geometric",
) -> Float64[np.ndarray, " items"]:
    """`log R`, with `R = mean_j p(wrong_j) / p(paraphrase)` and `p` length-normalised.

    Args:
        perturbed: log-probability per token of the wrong answers; NaN where an item has fewer.
        paraphrase: log-probability per token of the paraphrased true answer.
        aggregation: the mean over wrong answers. "geometric" is the exponential of the mean
            log-probability, as TOFU's aggregation script has it; "arithmetic" is the mean
            probability, as the paper has it. The numbers differ: always say which.

    Raises:
        UserError: the aggregation is neither.

    Source: TOFU (arXiv 2401.06121), equation 1.
    """
    if aggregation == "geometric":
        wrong = np.nanmean(perturbed, axis=1)
    elif aggregation == "arithmetic":
        peak = np.nanmax(perturbed, axis=1)
        wrong = peak + np.log(np.nanmean(np.exp(perturbed - peak[:, None]), axis=1))
    else:
        raise UserError(f"aggregation is {aggregation!r}; use 'geometric' or 'arithmetic'.")
    return wrong - paraphrase  # type: ignore[no-any-return]


def truth_ratio(log_ratio: Float64[np.ndarray, " items"]) -> Float64[np.ndarray, " items"]:
    """`R` itself; infinity where it exceeds the largest float."""
    with np.errstate(over="ignore"):
        return np.exp(log_ratio)  # type: ignore[no-any-return]


def forget_truth_ratio(log_ratio: Float64[np.ndarray, " items"]) -> float:
    """Score of the forget set: mean of `min(R, 1/R)`; 1 where right and wrong are as likely."""
    return float(np.mean(forget_scores(log_ratio)))


def utility_truth_ratio(log_ratio: Float64[np.ndarray, " items"]) -> float:
    """Score of every other set: mean of `max(0, 1 - R)`; 1 where wrong answers are impossible."""
    return float(np.mean(utility_scores(log_ratio)))


def forget_scores(log_ratio: Float64[np.ndarray, " items"]) -> Float64[np.ndarray, " items"]:
    """`min(R, 1/R)` of each item."""
    return np.exp(-np.abs(log_ratio))  # type: ignore[no-any-return]


def utility_scores(log_ratio: Float64[np.ndarray, " items"]) -> Float64[np.ndarray, " items"]:
    """`max(0, 1 - R)` of each item."""
    return -np.expm1(np.minimum(log_ratio, 0.0))  # type: ignore[no-any-return]
