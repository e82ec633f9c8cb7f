"""Mean and confidence interval over seeds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95


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
