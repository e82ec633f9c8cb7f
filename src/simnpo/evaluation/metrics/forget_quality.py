"""TOFU's forget quality: can the unlearned model be distinguished from one that never saw it?"""

import math
import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.stats import ks_2samp

from simnpo.errors import UserError


class ForgetQuality(NamedTuple):
    """Outcome of a two-sample Kolmogorov-Smirnov test."""

    p_value: float
    """In [0, 1]; near 1 when nothing tells the two models apart."""
    statistic: float
    """Largest distance between the two empirical distribution functions, in [0, 1]."""
    items: int
    """Items in each sample; p-values from different numbers of items do not compare."""
    log10_p: float | None
    """None where the p-value is too small for a float."""


def forget_quality(
    unlearned: Float64[np.ndarray, " unlearned"], retain: Float64[np.ndarray, " retain"]
) -> ForgetQuality:
    """Compare the truth ratios of an unlearned model with those of a retain model.

    The test depends on order alone, so `R` and `log R` give the same result; `log R` is safer.
    With samples of one size scipy's exact p-value is stable up to 10,000 items; it is asymptotic
    beyond.

    Args:
        unlearned: truth ratio per item of the forget set, or its logarithm.
        retain: the same for the model trained without the forget set, on the same items.

    Raises:
        UserError: the samples are empty, differ in size, or hold NaN.

    Source: TOFU (arXiv 2401.06121), section 2.2.1.
    """
    if len(unlearned) != len(retain) or len(unlearned) == 0:
        raise UserError(
            "Forget quality compares two models on the same items; "
            f"there are {len(unlearned)} truth ratios of one and {len(retain)} of the other."
        )
    for name, ratios in (("unlearned", unlearned), ("retain", retain)):
        if np.isnan(ratios).any():
            raise UserError(
                f"{int(np.isnan(ratios).sum())} truth ratios of the {name} model are NaN."
            )
    with warnings.catch_warnings():
        # Where rounding takes the exact p-value above 1, scipy says so and takes the asymptotic
        # one, which is 1 there.
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation", RuntimeWarning)
        result = ks_2samp(unlearned, retain)
    p_value = float(result.pvalue)
    log10_p = math.log10(p_value) if p_value > 0 else None
    return ForgetQuality(p_value, float(result.statistic), len(unlearned), log10_p)
