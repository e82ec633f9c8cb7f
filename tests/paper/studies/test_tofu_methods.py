"""Tables 1 and A3, Fig. 1c and A3: all methods on TOFU."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from stored_tofu_runs import SEEDS, claim, draw_all, mean, results, store, verdicts

from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.paper.results import noise_runs
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study
from simnpo.paper.studies.tofu_table import METHODS
from simnpo.paper.studies.trade_off import QUALITY, trade_off_figure
from simnpo.report.finding import row

Values = Mapping[str, tuple[float | None, float]]
AS_IN_THE_PAPER: Values = {
    "npo": (0.5, 0.6),
    "rkld": (0.2, 0.6),
    "weighted_grad_diff": (0.3, 0.5),
    "simnpo": (0.9, 0.7),
}
OTHERS = (0.001, 0.4)


def metrics(quality: float | None, utility: float) -> dict[str, float]:
    found = {"model_utility": utility, "retain.rouge_l": 0.25}
    if quality is not None:
        found |= {"forget_quality": quality, "forget_quality_log10_p": math.log10(quality)}
    return found


def store_tofu(home: Path, site: BenchmarkSetup, values: Values) -> None:
    """Store every run of a table, methods by forget quality and utility at every seed."""
    scale = mini()
    for run in noise_runs(scale, site, SEEDS):
        store(home, run, metrics=metrics(1.0, 0.74))
    for seed in SEEDS:
        store(home, scale.original(site, seed), (), metrics(1e-20, 0.75))
        for method in METHODS:
            found = metrics(*values.get(method, OTHERS))
            store(home, scale.unlearned(site, method, seed), (), found)


@pytest.mark.parametrize("name", ["table1", "tableA3"])
def test_claims_about_all_methods_hold_where_they_do(tmp_path: Path, name: str) -> None:
    site = mini().tofu if name == "table1" else mini().tofu_other
    store_tofu(tmp_path, site, AS_IN_THE_PAPER)
    found = load_study(name).find(results(tmp_path))
    assert set(verdicts(found)) == {"held"}
    (table,) = found.tables
    assert [one.name for one in table.rows[:2]] == ["Original", "Retrain"]
    assert len(table.rows) == 2 + len(METHODS)
    assert mean(table, "SimNPO", "forget_quality") == pytest.approx(0.9)
    assert mean(table, "NPO", "model_utility") == pytest.approx(0.6)
    assert mean(table, "Retrain", "retain.rouge_l") == 0.25
    assert math.isnan(mean(table, "GA", "forget.rouge_l"))  # missing is not 0
    assert table.paper["Retrain"]["forget_quality"] == 1
    assert "1.00, 1.00 against each other (140 items)" in found.notes[0]
    assert "difference in forget quality 0.4, 95 % interval 0.4 to 0.4" in found.claims[0].why


def test_one_method_ahead_refutes_the_claim_about_all(tmp_path: Path) -> None:
    values = {**AS_IN_THE_PAPER, "rkld": (0.95, 0.8), "idk_dpo": (0.02, 0.4)}
    store_tofu(tmp_path, mini().tofu, values)
    found = load_study("table1").find(results(tmp_path))
    assert claim(found, "higher forget quality than NPO").verdict == "held"
    assert claim(found, "higher model utility than NPO").verdict == "held"
    assert claim(found, "higher forget quality than every other").verdict == "not held"
    assert claim(found, "higher model utility than every other").verdict == "not held"
    failing = claim(found, "below 0.01")
    assert failing.verdict == "not held"
    assert "GA 0.001" in failing.why and "IDK-DPO 0.02" in failing.why


def test_the_worst_seed_counts_for_methods_that_fail(tmp_path: Path) -> None:
    scale = mini()
    store_tofu(tmp_path, scale.tofu, AS_IN_THE_PAPER)
    store(tmp_path, scale.unlearned(scale.tofu, "ga", SEEDS[1]), (), metrics(0.01, 0.4))
    found = load_study("table1").find(results(tmp_path))
    assert claim(found, "below 0.01").verdict == "not held"
    assert "GA 0.01" in claim(found, "below 0.01").why


@pytest.mark.parametrize("seed", SEEDS)
def test_a_missing_forget_quality_is_not_taken_for_a_low_one(tmp_path: Path, seed: int) -> None:
    scale = mini()
    store_tofu(tmp_path, scale.tofu, AS_IN_THE_PAPER)
    store(tmp_path, scale.unlearned(scale.tofu, "ga", seed), (), metrics(None, 0.4))
    found = load_study("table1").find(results(tmp_path))
    assert claim(found, "below 0.01").verdict == "not testable"
    assert claim(found, "higher forget quality than every other").verdict == "not testable"


def test_every_method_is_a_point_of_the_trade_off(tmp_path: Path) -> None:
    store_tofu(tmp_path, mini().tofu, AS_IN_THE_PAPER)
    found = load_study("fig1c").find(results(tmp_path))
    assert verdicts(found) == ["held", "held"]
    (figure,) = found.figures
    assert len(figure.models) == 2 + len(METHODS)
    svg = draw_all(found, tmp_path / "plots")
    for said in ("SimNPO: FQ 0.900, MU 0.700", "NPO: FQ 0.500, MU 0.600", "GA: FQ 0.001, MU 0.400"):
        assert said in svg and said in figure.description
    store_tofu(tmp_path, mini().tofu, {"npo": (0.9, 0.7), "simnpo": (0.5, 0.6)})
    found = load_study("fig1c").find(results(tmp_path))
    assert verdicts(found) == ["not held", "not held"]


def test_length_normalisation_without_the_sigmoid(tmp_path: Path) -> None:
    store_tofu(tmp_path, mini().tofu, AS_IN_THE_PAPER)
    found = load_study("figA3").find(results(tmp_path))
    assert verdicts(found) == ["held", "held"]
    models = ("Retrain", "GradDiff", "Weighted-GradDiff", "NPO", "SimNPO")
    assert set(found.figures[0].models) == set(models)
    assert "Weighted-GradDiff: FQ 0.300, MU 0.500" in draw_all(found, tmp_path / "plots")
    changed = {"grad_diff": (0.95, 0.5), "weighted_grad_diff": (0.9, 0.5), "simnpo": (0.9, 0.7)}
    store_tofu(tmp_path, mini().tofu, changed)
    found = load_study("figA3").find(results(tmp_path))
    assert verdicts(found) == ["not held", "undecided"]


def test_a_p_value_is_averaged_by_its_logarithm_and_drawn_up_to_1(tmp_path: Path) -> None:
    """Geometric mean of 1 and 1e-10; its interval would go far beyond p = 1."""
    rows = [
        row("SimNPO", {"model_utility": [0.5, 0.7], "forget_quality_log10_p": [0.0, -10.0]}),
        row("NPO", {"model_utility": [0.5, 0.7], "forget_quality_log10_p": [math.nan, -1.0]}),
    ]
    figure = trade_off_figure(rows, QUALITY, "of two")
    assert figure.models == ("SimNPO",)  # a model without a value has no place
    assert "SimNPO: FQ 1.0×10⁻⁵, MU 0.600" in figure.description
    assert figure.caption.endswith("of two; bars are 95 % intervals.")

    import matplotlib.pyplot as plt

    from simnpo.report.colours import styles

    empty = plt.figure(figsize=figure.size, layout="constrained")
    figure.paint(empty, styles(figure.models))
    tops = [max(line.get_ydata()) for line in empty.axes[0].lines]
    plt.close(empty)
    assert max(tops) == 0.0
