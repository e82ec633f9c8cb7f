"""TOFU's model utility: one number for what the model should have kept."""

from collections.abc import Mapping

import numpy as np

from simnpo.errors import UserError

UTILITY_TERMS = tuple(
    f"{name}.{metric}"
    for name in ("retain", "real_authors", "world_facts")
    for metric in ("probability", "rouge_l", "truth_ratio")
)
"""The nine metrics that model utility combines; the forget set has no part in it."""


def model_utility(metrics: Mapping[str, float | None]) -> float:
    """Harmonic mean of the nine `UTILITY_TERMS`; 0 if any of them is 0.

    Args:
        metrics: values in [0, 1] by name; names other than the nine are ignored.

    Raises:
        UserError: one of the nine is missing, NaN or outside [0, 1].

    Source: TOFU (arXiv 2401.06121), section 2.2.2.
    """
    values = []
    for term in UTILITY_TERMS:
        value = metrics.get(term)
        if value is None or not 0 <= value <= 1:  # NaN fails the comparison too
            raise UserError(f"Model utility needs {term} between 0 and 1; it is {value}.")
        values.append(value)
    if min(values) == 0:
        return 0.0
    return float(len(values) / np.sum(1 / np.array(values)))
