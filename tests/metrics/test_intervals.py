"""Means with their confidence intervals."""

import math

import pytest
from scipy import stats

from simnpo.metrics.intervals import interval


def test_by_hand() -> None:
    """Mean 2, standard error 1/sqrt(3), Student's t of two degrees at 97.5 %: 4.3027."""
    found = interval([1, 2, 3])
    assert found.mean == 2 and found.seeds == 3
    assert found.high - 2 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert 2 - found.low == pytest.approx(found.high - 2)


def test_is_scipys_test_of_the_mean() -> None:
    values = [0.3, 0.1, 0.25, 0.31, 0.2]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval(values)[1:3] == pytest.approx((expected.low, expected.high))


def test_what_has_no_interval() -> None:
    assert interval([0.5])[0] == 0.5 and math.isnan(interval([0.5]).low)
    assert all(map(math.isnan, interval([])[:3])) and interval([]).seeds == 0
    assert all(map(math.isnan, interval([1, math.nan])[:3]))
