"""TOFU's probability of the true answer, per item."""

import numpy as np
from jaxtyping import Float64


def answer_probability(answer: Float64[np.ndarray, " items"]) -> Float64[np.ndarray, " items"]:
    """Length-normalised probability `p(answer)^(1/|answer|)`; in [0, 1].

    Args:
        answer: log-probability per token of the true answer, nats.

    Source: TOFU (arXiv 2401.06121), section 2.2.2, for the forget and retain sets.
    """
    return np.exp(answer)  # type: ignore[no-any-return]


def choice_probability(
    answer: Float64[np.ndarray, " items"], perturbed: Float64[np.ndarray, "items wrong"]
) -> Float64[np.ndarray, " items"]:
    """Share of the true answer: `p / (p + sum of the wrong answers' p)`, each length-normalised.

    Args:
        answer: log-probability per token of the true answer, nats.
        perturbed: the same of the wrong answers; NaN where an item has fewer.

    Source: TOFU, section 2.2.2, for real authors and world facts.
    """
    # Scaled by the likeliest answer: exp of a very unlikely one alone would divide 0 by 0.
    peak = np.fmax(answer, np.nanmax(perturbed, axis=1))
    right = np.exp(answer - peak)
    wrong = np.nansum(np.exp(perturbed - peak[:, None]), axis=1)
    return right / (right + wrong)  # type: ignore[no-any-return]
