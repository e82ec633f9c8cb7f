"""Means and shares with their confidence intervals."""

import math
import time

import numpy as np
import pytest
from scipy import stats

from simnpo.evaluation.metrics.intervals import binomial_interval, bootstrap_interval, interval


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


@pytest.mark.parametrize("total", [1, 5, 30])
def test_exact_interval_of_none_and_all(total: int) -> None:
    """None of n: the share at which none comes out in 2.5 % of all cases, 1 - 0.025^(1/n)."""
    high = 1 - 0.025 ** (1 / total)
    assert binomial_interval(0, total) == pytest.approx((0, high))
    assert binomial_interval(total, total) == pytest.approx((1 - high, 1))


def test_exact_interval_is_of_the_beta_quantiles() -> None:
    low, high = binomial_interval(2, 30)
    assert low == pytest.approx(stats.beta.ppf(0.025, 2, 29))
    assert high == pytest.approx(stats.beta.ppf(0.975, 3, 28))
    assert low == pytest.approx(0.0082, abs=1e-4) and high == pytest.approx(0.2207, abs=1e-4)


@pytest.mark.parametrize(("count", "total"), [(3, 2), (-1, 2), (0, 0)])
def test_a_share_of_nothing_or_more_than_all_is_a_mistake(count: int, total: int) -> None:
    with pytest.raises(ValueError):
        binomial_interval(count, total)


def test_bootstrap_of_two_rows_by_hand() -> None:
    """0 and 1 drawn twice: a mean of 0 or 1 in a quarter of all draws each, so both are ends."""
    assert bootstrap_interval(np.array([0.0, 1.0])) == (0.0, 1.0)


def test_bootstrap_agrees_with_the_normal_interval_of_many_rows() -> None:
    values = np.random.default_rng(1).normal(3, 2, size=4000)
    low, high = bootstrap_interval(values)
    reach = 1.96 * values.std() / math.sqrt(4000)
    assert low == pytest.approx(values.mean() - reach, abs=0.1 * reach)
    assert high == pytest.approx(values.mean() + reach, abs=0.1 * reach)


def test_bootstrap_depends_on_its_seed_alone() -> None:
    values = np.arange(20.0) ** 2
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


def test_bootstrap_of_equal_rows_has_no_width() -> None:
    assert bootstrap_interval(np.full(7, 0.25)) == (0.25, 0.25)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, math.nan, 1]])
def test_what_has_no_bootstrap_interval(values: list[float]) -> None:
    assert all(map(math.isnan, bootstrap_interval(np.array(values, dtype=np.float64))))


def test_bootstrap_of_many_rows_is_fast_and_small() -> None:
    began = time.process_time()
    low, high = bootstrap_interval(np.arange(10_000.0))
    assert low < 4999.5 < high and time.process_time() - began < 3
