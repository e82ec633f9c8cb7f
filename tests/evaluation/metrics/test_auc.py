"""The area under the ROC curve against counting pairs."""

import itertools
import math

import numpy as np
import pytest

from simnpo.evaluation.metrics.auc import auc


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ([3.0, 4.0], [1.0, 2.0], 1.0),
        ([1.0, 2.0], [3.0, 4.0], 0.0),
        ([1.0, 3.0], [2.0], 0.5),
        ([2.0], [2.0, 2.0], 0.5),  # ties count half
        ([2.0, 5.0], [1.0, 2.0, 9.0], (1 + 0.5 + 1 + 1) / 6),
    ],
)
def test_by_hand(positive: list[float], negative: list[float], expected: float) -> None:
    assert auc(np.array(positive), np.array(negative)) == pytest.approx(expected)


def test_equal_to_counting_pairs() -> None:
    draw = np.random.default_rng(0)
    positive, negative = draw.integers(0, 6, 17) / 2, draw.integers(1, 7, 11) / 2
    pairs = [(a > b) + (a == b) / 2 for a, b in itertools.product(positive, negative)]
    assert auc(positive, negative) == pytest.approx(np.mean(pairs))
    assert auc(negative, positive) == pytest.approx(1 - np.mean(pairs))


def test_what_is_missing_has_no_auc() -> None:
    assert math.isnan(auc(np.array([]), np.array([1.0])))
    assert math.isnan(auc(np.array([1.0, math.nan]), np.array([1.0])))
