"""The front and the pick, on points laid out by hand."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simnpo.evaluation.suites.muse import DISPLAY as MUSE
from simnpo.evaluation.suites.tofu import DISPLAY as TOFU
from simnpo.experiments.sweep.pareto import pareto_front, score_of, select_setting

FORGOTTEN = np.array([0.1, 0.5, 0.5, 0.9, 0.2, math.nan, 0.95])
KEPT = np.array([0.9, 0.6, 0.5, 0.1, 0.2, 0.8, math.nan])


def test_the_front() -> None:
    # 2 forgets as much as 1 and keeps less; 4 is worse on both; NaN is nowhere.
    expected = [True, True, False, True, False, False, False]
    assert pareto_front(FORGOTTEN, KEPT).tolist() == expected
    same = np.array([0.5, 0.5])
    assert pareto_front(same, same).all()  # neither is better
    assert pareto_front(np.array([]), np.array([])).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_the_front_against_its_definition(points: list[tuple[int, int]]) -> None:
    forgotten, kept = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    expected = [
        not any(x >= a and y >= b and (x > a or y > b) for x, y in points) for a, b in points
    ]
    assert pareto_front(forgotten, kept).tolist() == expected


def test_the_pick() -> None:
    assert select_setting(FORGOTTEN, KEPT, 0.6) == 1  # 0 and 1 keep 0.54; 1 forgets more
    assert select_setting(FORGOTTEN, KEPT, 0.95) == 0
    assert select_setting(FORGOTTEN, KEPT, 2.0) == 0  # none keeps as much: the most
    assert select_setting(FORGOTTEN, KEPT, math.nan) == 0
    assert select_setting(np.array([math.nan]), np.array([0.3]), 0.1) is None


def test_privleak_aims_at_zero() -> None:
    assert score_of(MUSE.forgotten, -30.0) == score_of(MUSE.forgotten, 30.0) == -30
    assert score_of(TOFU.forgotten, 0.4) == 0.4
