"""When enough is forgotten and which state is the best, with hand-worked numbers."""

import math

import pytest

from simnpo.training.target import (
    Point,
    Target,
    best_step,
    keeps,
    kept_share,
    margin,
    measuring_steps,
    outcome,
)

ORIGINAL = Point(0.9, 0.8, 0.9, 1.0, 0.0)


def test_as_often_as_the_budget_allows() -> None:
    # 60 steps of 1,000 tokens cost 180,000 forward passes, of which 15 % are 27,000.
    assert measuring_steps(60, 1000, 5400) == (12, 24, 36, 48, 60)
    assert measuring_steps(60, 1000, 5401) == (15, 30, 45, 60)
    assert measuring_steps(60, 1000, 9000) == (20, 40, 60)
    assert measuring_steps(60, 1000, 10) == (12, 24, 36, 48, 60)  # no more than five
    assert measuring_steps(60, 1000, 10, times=3) == (20, 40, 60)
    assert measuring_steps(60, 1000, 5400, share=0.075) == (30, 60)


def test_middle_and_end_are_measured_however_dear() -> None:
    assert measuring_steps(61, 1, 1e9) == (30, 61)
    assert measuring_steps(3, 1000, 1) == (1, 2, 3)
    assert measuring_steps(1, 1, 1e9) == (1,)
    assert measuring_steps(12, 100, 0) == (2, 5, 7, 10, 12)


def test_limits_of_the_probability() -> None:
    # A tenth of .9 and a quarter of .8; a holdout's level of .3 is easier, one of .1 harder.
    assert Target().limits(ORIGINAL) == pytest.approx((0.09, 0.2))
    assert Target(level=0.3).limits(ORIGINAL)[1] == 0.3
    assert Target(level=0.1).limits(ORIGINAL)[1] == pytest.approx(0.2)
    assert Target(level=0.3, easier=False).limits(ORIGINAL)[1] == pytest.approx(0.2)
    assert Target(level=0.1, easier=False).limits(ORIGINAL)[1] == 0.1


def test_distance_is_the_larger_ratio() -> None:
    target = Target()
    assert target.distance(ORIGINAL, ORIGINAL) == pytest.approx(10)
    assert target.distance(Point(0.045, 0.3, 1), ORIGINAL) == pytest.approx(1.5)
    assert target.distance(Point(0.18, 0.1, 1), ORIGINAL) == pytest.approx(2)
    assert target.reached(Point(0.09, 0.2, 0), ORIGINAL)
    assert not target.reached(Point(0.09, 0.21, 0), ORIGINAL)


def test_an_original_that_never_recites_may_not_begin_to() -> None:
    original = Point(0.0, 0.8, 1)
    assert Target().distance(original, original) == pytest.approx(4)
    assert Target().reached(Point(0.0, 0.2, 1), original)
    assert Target().distance(Point(0.1, 0.2, 1), original) == math.inf


def test_methods_that_refuse_are_measured_by_refusals() -> None:
    target = Target(refusal=True)
    assert target.reached(Point(0.05, 0.79, 1, 1, 0.9), ORIGINAL)  # hidden, still probable
    assert not target.reached(Point(0.05, 0.01, 1, 1, 0.8), ORIGINAL)
    assert target.distance(Point(0.0, 0.01, 1, 1, 0.8), ORIGINAL) == pytest.approx(2)
    assert target.distance(Point(0.0, 0.01, 1, 1, None), ORIGINAL) == pytest.approx(10)


def test_kept_is_the_lower_of_rows_and_general_ability() -> None:
    assert kept_share(Point(0, 0, 0.45, 0.8), ORIGINAL) == 0.5
    assert kept_share(Point(0, 0, 0.9, 0.8), ORIGINAL) == 0.8
    assert kept_share(Point(0, 0, 0.45), ORIGINAL) == 0.5
    assert keeps(Point(0, 0, 0.95 * 0.9, 0.95), ORIGINAL, 0.95)
    assert not keeps(Point(0, 0, 0.95 * 0.9, 0.949), ORIGINAL, 0.95)


def test_the_best_state_by_rank() -> None:
    barely, halfway = Point(0.8, 0.8, 0.9, 1), Point(0.4, 0.6, 0.9, 1)
    near, damaged = Point(0.1, 0.2, 0.86, 0.96), Point(0.0, 0.01, 0.7, 0.9)
    broken, wreck = Point(0.0, 0.0, 0.3, 0.2), Point(0.9, 0.8, 0.1, 0.1)

    def best(*points: Point) -> int | None:
        return best_step({0: ORIGINAL, **dict(enumerate(points, 1))}, Target(), 0.95)

    assert best() is None
    assert best(barely, halfway, near, damaged, broken, wreck) == 3
    assert best(barely, halfway, damaged, broken) == 2
    assert best(broken, barely, damaged, wreck) == 3  # the target, with the most kept
    assert best(wreck, barely, ORIGINAL) == 2  # nothing but the rest kept
    assert best(wreck, Point(0.9, 0.8, 0.2, 0.2)) == 2  # nothing at all
    assert best(near, near) == 1


def test_of_states_inside_all_limits_the_one_that_keeps_the_most_is_the_best() -> None:
    original = Point(1, 1, 1, 1, None, 1)
    rows_lost, all_rows = Point(0, 0, 0.97, 0.954, None, 0), Point(0, 0, 1, 0.953, None, 0)
    with_room, more_kept = Point(0, 0, 0.96, 0.96, None, 0), Point(0, 0, 1, 0.97, None, 0.095)
    points = {0: original, 1: rows_lost, 2: all_rows}
    assert best_step(points, Target(), 0.95) == 2
    # Room comes first: the last state keeps more in all, and is close to a limit.
    points |= {3: with_room, 4: more_kept}
    assert best_step(points, Target(), 0.95) == 3


def test_outcomes_say_what_went_wrong() -> None:
    end = {0: ORIGINAL, 12: Point(0.0, 0.1, 0.9, 0.99)}
    found = outcome(end, Target(), 0.95, 60)
    assert found[:4] == (12, 12, True, True) and found.points == end
    assert found.why == (
        "Training stopped at step 12 of 60. Its target was reached (verbatim 0, limit 0.09; "
        "probability 0.1, limit 0.2). It kept 99% of the rest (retain rows or general ability, "
        "the lower)."
    )
    found = outcome({**end, 12: Point(0.0, 0.1, 0.45, 1)}, Target(), 0.95, 12)
    assert found[:4] == (12, 12, True, False)
    assert found.why.endswith(
        "limit 0.2). It kept only 50% of the rest (wanted: 95%; retain rows or general ability, "
        "the lower)."
    )
    halves = {0: ORIGINAL, 6: Point(0.3, 0.4, 0.9, 1), 12: Point(0.0, 0.1, 0.1, 1)}
    found = outcome(halves, Target(refusal=True), 0.95, 12)
    assert found[:4] == (12, 6, False, True) and "refused 0, at least 0.9" in found.why
    assert "stricter" not in found.why  # the verdict looks at what is hidden, too
    found = outcome(halves, Target(), 0.95, 12)
    assert found[:4] == (12, 6, False, True)
    assert found.why.startswith(
        "Training ended at step 12 of 12, with the weights of step 6. Its target, which is "
        "stricter than the verdict, was not reached (verbatim 0.3, "
    )


def test_values_that_are_not_finite_count_as_the_worst() -> None:
    broken = Point(math.nan, math.nan, math.nan, math.inf, math.nan).checked()
    assert broken == Point(1.0, 1.0, 0.0, 0.0, 0.0)
    assert ORIGINAL._replace(general=None).checked() == ORIGINAL._replace(general=None)


def test_identifiers_are_limited_as_all_that_comes_out() -> None:
    # One answer of 30 has an identifier. A tenth of the 30 that came out is 3, so it may be left.
    original = Point(1.0, 0.8, 1.0, 1.0, None, 1 / 30)
    assert Target().distance(Point(0, 0, 1, 1, None, 1 / 30), original) == pytest.approx(1 / 3)
    assert Target().reached(Point(0, 0.19, 1, 1, None, 1 / 30), original)
    # Of 30 answers with identifiers 3 may be left, even if none came out word for word.
    hidden = Point(0.0, 0.8, 1.0, 1.0, None, 1.0)
    assert Target().reached(Point(0, 0, 1, 1, None, 0.1), hidden)
    assert not Target().reached(Point(0, 0, 1, 1, None, 4 / 30), hidden)


def test_margin_is_the_smallest_share_that_a_limit_leaves() -> None:
    target, original = Target(), Point(1.0, 0.8, 1.0, 1.0, None, 1.0)
    # Limits: verbatim .1, probability .2, identifiers .1, and .05 of what is kept.
    assert margin(Point(0, 0, 1, 1, None, 0), original, target, 0.95) == 1
    assert margin(Point(0.02, 0, 1, 1, None, 0), original, target, 0.95) == pytest.approx(0.8)
    assert margin(Point(0, 0.12, 1, 1, None, 0), original, target, 0.95) == pytest.approx(0.4)
    assert margin(Point(0, 0, 1, 0.96, None, 0.03), original, target, 0.95) == pytest.approx(0.2)
    assert margin(Point(0, 0, 0.9, 1, None, 0), original, target, 0.95) == pytest.approx(-1)
    assert margin(Point(0, 0.3, 1, 1, None, 0), original, target, 0.95) == pytest.approx(-0.5)
    assert margin(Point(0, 0, 1, 1, None, 0), original, target, 1) == 1
    assert margin(Point(0, 0, 1, 0.99, None, 0), original, target, 1) == -math.inf
