"""Confidence intervals: of means over seeds, of shares, and of means over rows."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.stats import binomtest
from scipy.stats import t as student

LEVEL = 0.95
DRAWS = 2000
"""Bootstrap samples of an interval."""
_AT_ONCE = 2_000_000  # values drawn at once, which bounds the memory


class Interval(NamedTuple):
    """A mean with its two-sided confidence interval (Student's t) over `seeds` values."""

    mean: float
    low: float
    """NaN where one value gives no spread."""
    high: float
    seeds: int


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of `values` with its 95 % interval; NaN wherever a value is NaN or none is.

    The interval takes the values for independent draws, such as one per seed.
    """
    count = len(values)
    if not count:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(np.mean(values))
    if count == 1 or math.isnan(mean):
        return Interval(mean, math.nan, math.nan, count)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    reach = float(student.ppf((1 + LEVEL) / 2, count - 1)) * error
    return Interval(mean, mean - reach, mean + reach, count)


def binomial_interval(count: int, total: int) -> tuple[float, float]:
    """Return the exact 95 % interval (Clopper and Pearson's) of a share of `count` of `total`.

    Raises:
        ValueError: the count is not from 0 to `total`, or there is nothing to count.
    """
    found = binomtest(count, total).proportion_ci(LEVEL, method="exact")
    return float(found.low), float(found.high)


def bootstrap_interval(
    values: Float64[np.ndarray, " rows"], seed: int = 0, draws: int = DRAWS
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean over rows drawn again with replacement.

    Args:
        values: one value per row.
        seed: of the draws; the same gives the same interval.
        draws: samples of all rows.

    Returns:
        Low and high end; NaN where one row or none gives no spread, or a value is NaN.
    """
    rows = len(values)
    if rows < 2 or np.isnan(values).any():
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    means = np.empty(draws)
    step = max(1, _AT_ONCE // rows)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        means[start : start + size] = values[generator.integers(rows, size=(size, rows))].mean(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
