"""Verdicts are computed: each can come out either way."""

import math

import pytest

from simnpo.report.finding import Claim, all_of, exceeds, row

NAMES = ("A", "B")


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        ([(0.9, 0.1), (0.8, 0.1), (0.85, 0.1)], "held"),
        ([(0.1, 0.9), (0.1, 0.8), (0.1, 0.85)], "not held"),
        ([(0.9, 0.1), (0.1, 0.9), (0.5, 0.5)], "undecided"),
        ([(0.5, 0.5), (0.5, 0.5)], "undecided"),
        ([(0.9, 0.1)], "held"),
        ([(0.1, 0.9)], "not held"),
        ([(0.5, 0.5)], "undecided"),
        ([(0.9, 0.1), (math.nan, 0.1)], "not testable"),
        ([(math.nan, 0.1)], "not testable"),
        ([], "not testable"),
    ],
)
def test_exceeds(pairs: list[tuple[float, float]], verdict: str) -> None:
    assert exceeds("A is above B.", NAMES, pairs, "values").verdict == verdict


def test_exceeds_gives_its_numbers() -> None:
    # Differences 0.1 and 0.3: mean 0.2, standard error 0.1, Student's t(1) at 97.5 % 12.706.
    claim = exceeds("A is above B.", NAMES, [(0.5, 0.4), (0.7, 0.4)], "values")
    assert claim.verdict == "undecided"
    assert claim.why == (
        "A 0.6, B 0.4: difference in values 0.2, 95 % interval -1.07 to 1.47 over 2 seeds."
    )
    (single,) = [exceeds("", NAMES, [(0.5, 0.4)], "values")]
    assert single.why.endswith("One seed, so without an interval.")
    assert "1 of 2 seeds" in exceeds("", NAMES, [(0.5, 0.4), (math.nan, 0)], "values").why


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["held", "held"], "held"),
        (["held", "not held", "not testable"], "not held"),
        (["held", "not testable"], "not testable"),
        (["held", "undecided"], "undecided"),
        ([], "not testable"),
    ],
)
def test_all_of(verdicts: list[str], expected: str) -> None:
    parts = [Claim("", verdict, f"why {n}.") for n, verdict in enumerate(verdicts)]  # type: ignore[arg-type]
    found = all_of("All.", parts)
    assert found.verdict == expected and found.text == "All."
    assert found.why == " ".join(f"why {n}." for n in range(len(verdicts)))


def test_a_row_is_missing_where_a_seed_is() -> None:
    values = row("A", {"x": [1.0, 3.0], "y": [1.0, math.nan], "z": []}).values
    assert values["x"].mean == 2 and values["x"].seeds == 2
    assert math.isnan(values["y"].mean) and math.isnan(values["z"].mean)
