"""Fig. 6: forget quality under relearning, and which attack is the worse."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from stored_tofu_runs import SEEDS, claim, draw_all, mean, results, store, verdicts

from simnpo.config import Select
from simnpo.evaluation.history import HISTORY, write_history
from simnpo.experiments.relearn_run import RelearnRun
from simnpo.experiments.run import DONE
from simnpo.paper.results import noise_runs
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study
from simnpo.paper.studies.fig6 import ATTACKS, METHODS, attacked
from simnpo.storage.files import write_json

KEY = "forget_quality_log10_p"
Ends = Mapping[tuple[str, Select], Sequence[float]]
"""The logarithm of forget quality after the last epoch, by draw."""


def store_attacks(home: Path, ends: Ends) -> None:
    scale = mini()
    for run in noise_runs(scale, scale.tofu, SEEDS):
        store(home, run)
    for method in METHODS:
        for select in ATTACKS:
            own = [one for one in attacked(scale, method, SEEDS[0]) if one.select == select]
            for run, end in zip(own, ends[method, select], strict=True):
                curve = [{"epoch": epoch, KEY: epoch * end / 3} for epoch in range(4)]
                write_history(run.folder(home) / HISTORY, curve)
                write_json(run.folder(home) / DONE, {"title": run.title})


AS_IN_THE_PAPER: Ends = {
    ("npo", "random"): (-3.0, -3.1, -3.2, -3.3, -3.4),
    ("npo", "shortest"): (-5.0, -6.0, -6.0, -6.0, -7.0),
    ("simnpo", "random"): (-1.0, -1.1, -1.2, -1.3, -1.4),
    ("simnpo", "shortest"): (-1.4, -1.5, -1.5, -1.5, -1.6),
}


def test_runs_are_five_draws_of_both_attacks_on_one_model() -> None:
    scale = mini()
    made = load_study("fig6").runs(scale, SEEDS)
    attacks = [run for run in made if isinstance(run, RelearnRun)]
    assert [(run.of.method, run.select) for run in attacks] == [
        (method, select)
        for method in ("npo", "simnpo")
        for select in ("random",) * 5 + ("shortest",) * 5
    ]
    assert {run.of.seed for run in attacks} == {SEEDS[0]}
    # Both methods meet the same draws.
    draws = {method: [run.seed for run in attacks if run.of.method == method] for method in METHODS}
    assert draws["npo"] == draws["simnpo"] == [0, 1, 2, 3, 4] * 2
    assert all(run.of.keeps_model for run in attacks)


def test_claims_hold_where_they_do(tmp_path: Path) -> None:
    store_attacks(tmp_path, AS_IN_THE_PAPER)
    found = load_study("fig6").find(results(tmp_path))
    assert verdicts(found) == ["held", "held", "held"]
    assert "SimNPO -1.2, NPO -3.2: difference in log10 of forget quality 2" in found.claims[0].why
    assert "over 5 draws" in claim(found, "After relearning the shortest").why
    (table,) = found.tables
    assert mean(table, "NPO, random, epoch 0", KEY) == 0
    assert mean(table, "NPO, random, epoch 3", KEY) == pytest.approx(-3.2)
    assert mean(table, "SimNPO, shortest, epoch 1", KEY) == pytest.approx(-0.5)
    svg = draw_all(found, tmp_path / "plots")
    # 10 ** -6, and the geometric mean 10 ** -1.2.
    assert "NPO, epoch 3: FQ 1.0×10⁻⁶" in svg and "SimNPO, epoch 3: FQ 0.063" in svg


def test_methods_changed_over_are_not_held(tmp_path: Path) -> None:
    others = {"npo": "simnpo", "simnpo": "npo"}
    changed = {(m, s): AS_IN_THE_PAPER[others[m], s] for m, s in AS_IN_THE_PAPER}
    changed["npo", "shortest"] = (-0.5,) * 5  # easier than any random draw
    store_attacks(tmp_path, changed)
    found = load_study("fig6").find(results(tmp_path))
    assert verdicts(found) == ["not held", "not held", "not held"]


def test_draws_that_disagree_decide_nothing(tmp_path: Path) -> None:
    ends = {**AS_IN_THE_PAPER, ("simnpo", "random"): (-1.0, -5.0, -1.0, -5.0, -3.0)}
    ends["npo", "shortest"] = (-3.25,) * 5
    store_attacks(tmp_path, ends)
    found = load_study("fig6").find(results(tmp_path))
    assert verdicts(found) == ["undecided", "held", "undecided"]
    assert not any(math.isnan(mean(found.tables[0], row.name, KEY)) for row in found.tables[0].rows)
