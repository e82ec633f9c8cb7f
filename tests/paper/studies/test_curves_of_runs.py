"""Fig. 3c, 3d, A1 and A4: forget quality, utility and KL as training goes on."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stored_tofu_runs import SEEDS, draw_all, mean, results, store, store_drift, verdicts

from simnpo.paper.results import noise_runs
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study
from simnpo.paper.studies.bands import curve
from simnpo.paper.studies.figa1 import PERTURBED, perturbed
from simnpo.paper.studies.figa4 import GA_AT_RATE, ga_at_rate, r_squared


def history(
    qualities: Sequence[float], utilities: Sequence[float]
) -> list[dict[str, float | None]]:
    return [
        {
            "epoch": epoch,
            "forget_quality": quality,
            "forget_quality_statistic": 0.1,
            "forget_quality_log10_p": math.log10(quality) if quality else None,
            "model_utility": utility,
        }
        for epoch, (quality, utility) in enumerate(zip(qualities, utilities, strict=True))
    ]


def store_histories(home: Path, npo: list, simnpo: list) -> None:
    scale, site = mini(), mini().tofu
    for run in noise_runs(scale, site, SEEDS):
        store(home, run, metrics={"forget_quality": 1.0, "model_utility": 0.74})
    for seed in SEEDS:
        first = {"forget_quality": 1e-20, "model_utility": 0.75}
        store(home, scale.original(site, seed), metrics=first)
        store(home, scale.unlearned(site, "npo", seed), history=npo)
        store(home, scale.unlearned(site, "simnpo", seed), history=simnpo)


# NPO falls to 0.65 within the first half, SimNPO to 0.7; what NPO loses later is not early.
NPO = history([1e-20, 0.0, 0.1, 0.4, 0.5], [0.75, 0.7, 0.65, 0.7, 0.4])
SIMNPO = history([1e-20, 1e-6, 0.2, 0.6, 0.9], [0.75, 0.72, 0.7, 0.73, 0.74])


def test_quality_over_epochs(tmp_path: Path) -> None:
    store_histories(tmp_path, NPO, SIMNPO)
    found = load_study("fig3c").find(results(tmp_path))
    assert verdicts(found) == ["held"]
    (table,) = found.tables
    assert mean(table, "SimNPO, epoch 1", "forget_quality_log10_p") == pytest.approx(-6)
    # A p-value that the float ran out for counts as the smallest one.
    assert mean(table, "NPO, epoch 1", "forget_quality_log10_p") == pytest.approx(-307.65, abs=0.01)
    assert "SimNPO, epoch 4: FQ 0.900 (0.900 to 0.900)" in draw_all(found, tmp_path / "plots")
    assert "140 items" in found.notes[0]
    store_histories(tmp_path, SIMNPO, NPO)
    assert verdicts(load_study("fig3c").find(results(tmp_path))) == ["not held"]


def test_utility_over_epochs(tmp_path: Path) -> None:
    store_histories(tmp_path, NPO, SIMNPO)
    found = load_study("fig3d").find(results(tmp_path))
    assert verdicts(found) == ["held"]
    assert mean(found.tables[1], "NPO", "drop") == pytest.approx(0.1)
    assert mean(found.tables[1], "SimNPO", "drop") == pytest.approx(0.05)
    assert "NPO, epoch 2: MU 0.650 ± 0.000" in draw_all(found, tmp_path / "plots")
    store_histories(tmp_path, SIMNPO, NPO)
    assert verdicts(load_study("fig3d").find(results(tmp_path))) == ["not held"]


def test_a_course_is_mean_and_interval() -> None:
    ones = [pd.Series([1.0, 2.0], [0, 1]), pd.Series([3.0, math.nan], [0, 1])]
    own = curve(ones)
    # Two values 2 apart: standard error 1, and Student's t of one degree of freedom is 12.706.
    assert own[0.0].mean == 2
    assert own[0.0].high - own[0.0].mean == pytest.approx(12.706, abs=1e-3)
    assert math.isnan(own[1.0].mean)


@pytest.mark.parametrize(
    ("quality", "utility", "expected"),
    [(0.1, 0.56, ["held", "held"]), (0.9, 0.53, ["not held", "not held"])],
)
def test_a_perturbed_reference(
    tmp_path: Path, quality: float, utility: float, expected: list[str]
) -> None:
    scale, site = mini(), mini().tofu
    for run in noise_runs(scale, site, SEEDS):
        store(tmp_path, run, metrics={"forget_quality": 1.0, "forget_quality_log10_p": 0.0})
    for run_of, fq, mu in (
        (lambda seed: scale.unlearned(site, "npo", seed), 0.5, 0.6),
        (lambda seed: perturbed(scale, seed), quality, utility),
    ):
        for seed in SEEDS:
            metrics = {"forget_quality": fq, "forget_quality_log10_p": math.log10(fq)}
            store(tmp_path, run_of(seed), metrics=metrics | {"model_utility": mu})
    found = load_study("figA1").find(results(tmp_path))
    assert verdicts(found) == expected
    assert mean(found.tables[0], PERTURBED, "model_utility") == pytest.approx(utility)
    svg = draw_all(found, tmp_path / "plots")
    assert f"{PERTURBED}: FQ {quality:.3f}, MU {utility:.3f}" in svg


STEPS = (0, 1, 2, 4, 8, 16)
LINEAR = {step: step / 4 for step in STEPS}
LOGARITHMIC = {step: 0.2 + 0.1 * math.log(step) if step else 0.0 for step in STEPS}


def test_r_squared_of_a_line_and_of_a_logarithm() -> None:
    linear, logarithmic = pd.Series(LINEAR), pd.Series(LOGARITHMIC)
    assert r_squared(linear, lambda steps: steps) == pytest.approx(1)
    assert r_squared(logarithmic, np.log) == pytest.approx(1)
    assert r_squared(logarithmic, lambda steps: steps) < 0.9
    assert math.isnan(r_squared(pd.Series({0: 0.0, 1: 0.5, 2: 0.7}), np.log))


def store_drifts(home: Path, ga: dict[int, float], others: dict[int, float]) -> None:
    scale, site = mini(), mini().tofu
    for seed in SEEDS:
        # GA's tuned run stays nearer than all: the claim does not look at it.
        store_drift(home, scale.unlearned(site, "ga", seed), {s: v / 100 for s, v in ga.items()})
        store_drift(home, ga_at_rate(scale, seed), ga)
        for method in ("npo", "simnpo"):
            store_drift(home, scale.unlearned(site, method, seed), others)


def test_kl_over_steps(tmp_path: Path) -> None:
    store_drifts(tmp_path, LINEAR, LOGARITHMIC)
    found = load_study("figA4").find(results(tmp_path))
    assert verdicts(found) == ["held", "held"]
    (table,) = found.tables
    assert mean(table, GA_AT_RATE, "forget") == pytest.approx(4)
    assert mean(table, GA_AT_RATE, "retain") == pytest.approx(2)
    assert mean(table, "NPO", "log") == pytest.approx(1)
    assert "SimNPO, step 16: KL 0.477" in draw_all(found, tmp_path / "plots")
    store_drifts(tmp_path, LOGARITHMIC, LINEAR)
    assert verdicts(load_study("figA4").find(results(tmp_path))) == ["not held", "not held"]


def test_ga_is_one_run_where_it_has_npos_rate() -> None:
    scale, site = mini(), mini().tofu
    rates = {
        name: scale.unlearned(site, name, 1).preset().training.learning_rate
        for name in ("ga", "npo")
    }
    same = ga_at_rate(scale, 1) == scale.unlearned(site, "ga", 1)
    assert same == (rates["ga"] == rates["npo"])
    assert ga_at_rate(scale, 1).preset().training.learning_rate == rates["npo"]
