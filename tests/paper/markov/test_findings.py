"""Crossing points, picks and verdicts, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from simnpo.paper.markov.findings import (
    at_paper_beta,
    claims,
    first_crossing,
    gap_at,
    judge,
    mean_gaps,
    pick_betas,
    reached,
    value_at,
)
from simnpo.paper.markov.runs import COLUMNS


def path(
    panel: str, method: str, beta: float, points: list[tuple[float, float, float]], seed: int = 1
) -> pd.DataFrame:
    rows = [(panel, seed, method, beta, n, *point) for n, point in enumerate(points)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"beta": float})


RETRAIN = path("short", "retrain", math.nan, [(0.0, 0.5, 0.4)])
NPO = path("short", "npo", 0.2, [(0.02, 0.0, 0.1), (0.06, 0.4, 0.3), (0.12, 0.8, 0.5)])
SIMNPO = path("short", "simnpo", 4, [(0.02, 0.0, 0.1), (0.03, 0.6, 0.7)])


def test_crossings_are_interpolated() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.7])
    assert first_crossing(values, 0.2) == pytest.approx(0.5)
    assert first_crossing(values, 0.1) == first_crossing(values, 0.0) == 0
    assert first_crossing(values, 0.45) == pytest.approx(2.5)
    assert math.isnan(first_crossing(values, 0.8))
    assert value_at(values, 2.5) == pytest.approx(0.45)
    assert math.isnan(value_at(values, math.nan))


def test_what_is_paid_where_the_retrained_model_is_reached() -> None:
    """NPO: Forget1 0.5 a quarter of the way from 0.4 to 0.8, Forget2 0.4 half way; both: later."""
    row = reached(pd.concat([RETRAIN, NPO])).iloc[0]
    assert row["retain_at_forget1"] == pytest.approx(0.06 + 0.25 * 0.06)
    assert row["retain_at_forget2"] == row["retain_at_both"] == pytest.approx(0.06 + 0.5 * 0.06)
    assert tuple(row[["final_retain", "final_forget1", "final_forget2"]]) == (0.12, 0.8, 0.5)
    never = path("short", "ga", math.nan, [(0.0, 0.9, 0.1), (0.1, 0.9, 0.2)])
    row = reached(pd.concat([RETRAIN, never])).iloc[0]
    assert row["retain_at_forget1"] == 0
    assert math.isnan(row["retain_at_forget2"]) and math.isnan(row["retain_at_both"])


def test_gaps_are_compared_over_the_same_distances() -> None:
    """From 0.02 to the nearer end, 0.03, where the gaps are 0.1 and between 0.1 and 0.1."""
    assert gap_at(NPO, 0.04) == pytest.approx(0.0, abs=1e-9)  # half way from +0.1 to -0.1
    assert gap_at(NPO, 0.09) == pytest.approx(0.2)
    npo, simnpo = mean_gaps(NPO, SIMNPO)
    assert simnpo == pytest.approx(0.1)
    # NPO's gap falls from 0.1 to 0.05 on the way; its mean over 50 steps after the start.
    assert npo == pytest.approx(0.1 - 0.05 * 51 / 100)
    still = path("short", "simnpo", 4, [(0.02, 0.0, 0.1), (0.01, 0.6, 0.7)])
    assert all(map(math.isnan, mean_gaps(NPO, still)))


def test_claims_use_the_papers_betas() -> None:
    other = path("short", "npo", 0.5, [(0.0, 9.0, 9.0)])
    paths = pd.concat([RETRAIN, NPO, SIMNPO, other], ignore_index=True)
    assert at_paper_beta(paths).tolist() == [True] * 6 + [False]
    (claim,) = claims(paths)
    assert claim.npo.mean == pytest.approx(0.09) and claim.simnpo.mean == pytest.approx(0.025)
    assert claim.verdict == "held" and "no interval" in claim.why
    assert claims(pd.concat([RETRAIN, NPO])) == []


def test_verdicts() -> None:
    assert judge("short", "", [(3, 1), (3.1, 1), (2.9, 1.1)]).verdict == "held"
    assert judge("short", "", [(1, 3), (1, 3.1), (1.1, 2.9)]).verdict == "not held"
    assert judge("short", "", [(1, 3), (3, 1), (2, 2)]).verdict == "undecided"
    claim = judge("short", "", [(1, 3), (math.nan, 1)])
    assert claim.verdict == "not testable" and "1 of 2 seeds" in claim.why
    assert judge("short", "", [(1, 3)]).verdict == "not held"


def test_betas_are_picked_by_the_mean_over_all_seeds() -> None:
    rows = [
        ("short", "npo", 0.1, 0.5),
        ("short", "npo", 0.1, 0.1),
        ("short", "npo", 0.2, 0.2),
        ("short", "npo", 0.2, 0.2),
        ("short", "npo", 0.5, 0.01),
        ("short", "npo", 0.5, math.nan),
        ("short", "simnpo", 4.0, 0.1),
        ("short", "ga", math.nan, 0.1),
    ]
    table = pd.DataFrame(rows, columns=["panel", "method", "beta", "retain_at_both"])
    assert pick_betas(table) == {("short", "npo"): 0.2}
