import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from simnpo.errors import UserError
from simnpo.evaluation.metrics.forget_quality import forget_quality


def test_separate_samples_by_hand() -> None:
    # All 3 of one below all 3 of the other: 2 of the C(6, 3) = 20 orders are that extreme.
    quality = forget_quality(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    assert quality.statistic == 1.0
    assert quality.p_value == pytest.approx(2 / 20)
    assert quality.items == 3
    assert quality.log10_p == pytest.approx(-1)


def test_overlapping_samples_by_hand() -> None:
    # The distribution functions are 2/4 apart after 2.0. By reflection
    # 2 * (C(8, 2) - C(8, 0)) = 54 of the C(8, 4) = 70 orders reach that.
    quality = forget_quality(np.array([1.0, 2.0, 3.5, 4.5]), np.array([3.0, 4.0, 5.0, 6.0]))
    assert quality.statistic == pytest.approx(0.5)
    assert quality.p_value == pytest.approx(54 / 70)


def test_a_model_against_itself() -> None:
    ratios = np.random.default_rng(0).normal(size=300)
    assert forget_quality(ratios, ratios) == (1.0, 0.0, 300, 0.0)


@pytest.mark.parametrize("items", [1, 40, 200, 300, 400])
def test_fully_separate_samples_of_tofus_sizes(items: int) -> None:
    ratios = np.arange(items, dtype=np.float64)
    quality = forget_quality(ratios, ratios + items)
    assert quality.log10_p is not None
    assert quality.log10_p == pytest.approx(math.log10(2) - math.log10(math.comb(2 * items, items)))


def test_invariances() -> None:
    random = np.random.default_rng(1)
    ours, theirs = random.normal(size=400), random.normal(0.1, 1.2, size=400)
    expected = forget_quality(ours, theirs)
    reference = ks_2samp(ours, theirs)
    assert expected[:2] == (reference.pvalue, reference.statistic)
    assert forget_quality(theirs, ours)[:2] == pytest.approx(expected[:2])
    assert forget_quality(random.permutation(ours), theirs) == expected
    assert forget_quality(np.exp(ours), np.exp(theirs)) == expected  # R or log R


def test_p_values_below_the_smallest_float_have_no_logarithm() -> None:
    ratios = np.arange(2000, dtype=np.float64)
    quality = forget_quality(ratios, ratios + 2000)
    assert (quality.p_value, quality.log10_p) == (0.0, None)


def test_more_items_than_the_exact_test_takes() -> None:
    ratios = np.random.default_rng(2).normal(size=10_001)
    assert 0 <= forget_quality(ratios, ratios + 0.01).p_value <= 1


def test_unusable_samples_are_refused() -> None:
    with pytest.raises(UserError, match="2 truth ratios of one and 1 of the other"):
        forget_quality(np.zeros(2), np.zeros(1))
    with pytest.raises(UserError, match="0 truth ratios"):
        forget_quality(np.zeros(0), np.zeros(0))
    with pytest.raises(UserError, match="1 truth ratios of the retain model are NaN"):
        forget_quality(np.zeros(2), np.array([0.0, np.nan]))
