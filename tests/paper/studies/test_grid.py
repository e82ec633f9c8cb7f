"""Fig. A2: SimNPO over beta and gamma."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from stored_tofu_runs import PLAIN, SEEDS, draw_all, mean, results, store, verdicts

from simnpo.paper.results import noise_runs
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study
from simnpo.paper.studies.figa2 import BETAS, GAMMAS, point, runs, utility_falls, zero_is_enough

Grid = dict[tuple[float, float], float]


def grid(value: Callable[[float, float], float]) -> Grid:
    return {(beta, gamma): value(beta, gamma) for beta in BETAS for gamma in GAMMAS}


def test_runs_are_the_grid_and_the_noise_floor() -> None:
    scale = mini()
    assert len(runs(scale, SEEDS)) == len(BETAS) * len(GAMMAS) + len(SEEDS) + 1
    own = point(scale, 1.5, 0.5, 1).preset()
    tuned = scale.unlearned(scale.tofu, "simnpo", 1).preset()
    found = own.method.record()
    assert (found["forget_loss"]["beta"], found["forget_loss"]["gamma"]) == (1.5, 0.5)
    assert {**found, "forget_loss": 0} == {**tuned.method.record(), "forget_loss": 0}
    assert own.training == tuned.training


@pytest.mark.parametrize(
    ("quality", "utility", "expected"),
    [
        (lambda b, g: 0.9 / (1 + g), lambda b, g: 0.7 - 0.1 * g, ["held", "held"]),
        # The noise floor of equal Retrains is 1, so any gamma that is better refutes.
        (lambda b, g: 0.1 + 0.1 * g, lambda b, g: 0.5 + 0.1 * g, ["not held", "not held"]),
    ],
)
def test_verdicts_either_way(
    tmp_path: Path,
    quality: Callable[[float, float], float],
    utility: Callable[[float, float], float],
    expected: list[str],
) -> None:
    scale = mini()
    for run in noise_runs(scale, scale.tofu, SEEDS):
        store(tmp_path, run, PLAIN)
    for beta in BETAS:
        for gamma in GAMMAS:
            fq = quality(beta, gamma)
            metrics = {
                "forget_quality": fq,
                "forget_quality_log10_p": math.log10(fq),
                "model_utility": utility(beta, gamma),
            }
            store(tmp_path, point(scale, beta, gamma, SEEDS[0]), (), metrics)
    found = load_study("figA2").find(results(tmp_path))
    assert verdicts(found) == expected
    (table,) = found.tables
    assert len(table.rows) == len(BETAS) * len(GAMMAS)
    assert mean(table, "beta 2.5, gamma 0.5", "forget_quality") == quality(2.5, 0.5)
    assert mean(table, "beta 4.5, gamma 2", "model_utility") == utility(4.5, 2.0)
    svg = draw_all(found, tmp_path / "plots")
    assert f"beta 4.5, gamma 2: {quality(4.5, 2):.3f}, {utility(4.5, 2):.3f}" in svg


def test_utility_that_falls_for_some_betas_is_undecided() -> None:
    falls = utility_falls(grid(lambda b, g: 0.7 - (0.1 * g if b < 3 else 0)))
    assert falls.verdict == "undecided"
    assert "beta 1.5 0.700 to 0.500" in falls.why and "beta 4.5 0.700 to 0.700" in falls.why
    assert utility_falls(grid(lambda b, g: 0.7)).verdict == "not held"
    assert utility_falls(grid(lambda b, g: 0.7 + g / 10)).verdict == "not held"


def test_what_lies_between_the_ends_does_not_count_for_utility() -> None:
    assert utility_falls(grid(lambda b, g: {0: 0.7, 2: 0.6}.get(g, 0.9))).verdict == "held"


def test_best_of_all_or_within_noise_is_enough() -> None:
    """Gamma 0 has 0.4 at beta 2.5, and 0.8 is the best of all, at gamma 1."""
    quality = grid(lambda b, g: {0: 0.4 if b == 2.5 else 0.1, 1: 0.8}.get(g, 0.05))
    found = zero_is_enough(quality, 0.5)
    assert found.verdict == "not held"
    assert "forget quality 0.4 at beta 2.5; best of all 0.8 at beta 4.5, gamma 1" in found.why
    assert zero_is_enough(quality, 0.4).verdict == "held"  # two Retrains differ as much
    best = grid(lambda b, g: 0.3 if (b, g) == (3.5, 0.0) else 0.2)
    assert zero_is_enough(best, 0.9).verdict == "held"


@pytest.mark.parametrize("at", [(1.5, 0.0), (2.5, 1.0), (4.5, 2.0)])
def test_a_missing_point_cannot_be_judged(at: tuple[float, float]) -> None:
    falling = {**grid(lambda b, g: 0.7 - g / 10), at: math.nan}
    assert zero_is_enough(falling, 0.5).verdict == "not testable"
    if at[1] in (GAMMAS[0], GAMMAS[-1]):
        assert utility_falls(falling).verdict == "not testable"
