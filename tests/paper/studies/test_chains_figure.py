"""Fig. 5: the Markov chains' paths as runs keep them."""

import math
from pathlib import Path

import pandas as pd
import pytest
from stored_tofu_runs import SEEDS, draw_all, mean, results, verdicts

from simnpo.experiments.run import DONE
from simnpo.paper.markov.panels import PANELS
from simnpo.paper.markov.runs import COLUMNS, PATHS, MarkovModel, MarkovPath
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study
from simnpo.storage.files import write_json, write_table

Points = list[tuple[float, float, float]]
"""Retain distance and forget quality on Forget1 and Forget2, by iteration."""

DEAR: Points = [(0.02, 0.0, 0.1), (0.06, 0.4, 0.3), (0.12, 0.8, 0.5)]
"""Reaches 0.4 on Forget2 at 0.09; goes on to a gap of 0.3."""
CHEAP: Points = [(0.02, 0.0, 0.0), (0.03, 0.3, 0.3), (0.12, 0.8, 0.75)]


def store_chains(home: Path, npo: dict[str, Points], simnpo: dict[str, Points]) -> None:
    for run in load_study("fig5").runs(mini(), SEEDS):
        if isinstance(run, MarkovPath):
            panel = str(run.origin.panel)
            points = {"npo": npo, "simnpo": simnpo}[run.method][panel]
            assert run.beta == PANELS[panel].betas[run.method]
            rows = [(panel, run.seed, run.method, run.beta, *at) for at in _numbered(points)]
        else:
            assert isinstance(run, MarkovModel)
            panels = [run.panel] if run.panel else list(PANELS)
            quality = (0.0, 0.0) if run.panel else (0.5, 0.4)
            rows = [(one, run.seed, run.method, math.nan, 0, 0.0, *quality) for one in panels]
        write_table(run.folder(home) / PATHS, pd.DataFrame(rows, columns=list(COLUMNS)))
        write_json(run.folder(home) / DONE, {"title": run.title})


def _numbered(points: Points) -> list[tuple[float, ...]]:
    return [(number, *point) for number, point in enumerate(points)]


def test_runs_are_every_panel_at_every_seed() -> None:
    made = load_study("fig5").runs(mini(), SEEDS)
    paths = [run for run in made if isinstance(run, MarkovPath)]
    asked = {(run.seed, run.origin.panel, run.method) for run in paths}
    assert len(asked) == len(paths) == len(SEEDS) * len(PANELS) * 2 == 8
    # Each panel has its original model; both have one retrained model.
    assert len(set(made)) == len(made) == len(paths) + len(SEEDS) * (len(PANELS) + 1)
    assert len({run.key for run in made}) == len(made)


def test_costs_and_gaps_by_hand(tmp_path: Path) -> None:
    both = dict.fromkeys(PANELS, DEAR), dict.fromkeys(PANELS, CHEAP)
    store_chains(tmp_path, *both)
    found = load_study("fig5").find(results(tmp_path))
    assert verdicts(found) == ["held", "held"]
    short = found.tables[0]
    assert mean(short, "NPO", "retain_at_forget2") == pytest.approx(0.09)
    # From 0.3 to 0.75, 0.4 is at 2/9 of the way from 0.03 to 0.12.
    assert mean(short, "SimNPO", "retain_at_forget2") == pytest.approx(0.05)
    assert mean(short, "Retrain", "final_forget2") == pytest.approx(0.4)
    assert [bool(table.paper) for table in found.tables] == [panel == "short" for panel in PANELS]
    assert found.claims[0].why.startswith("NPO 0.09, SimNPO 0.05. Over 2 seeds")
    assert "short, NPO ends at retain distance 0.120" in found.figures[0].description
    assert draw_all(found, tmp_path / "plots").startswith("<svg")
    store_chains(tmp_path, *reversed(both))
    assert verdicts(load_study("fig5").find(results(tmp_path))) == ["not held", "not held"]


def test_a_path_that_never_gets_there_cannot_be_compared(tmp_path: Path) -> None:
    low: Points = [(0.02, 0.0, 0.0), (0.06, 0.1, 0.1)]
    store_chains(tmp_path, dict.fromkeys(PANELS, low), dict.fromkeys(PANELS, CHEAP))
    found = load_study("fig5").find(results(tmp_path))
    assert verdicts(found)[0] == "not testable"
    assert math.isnan(mean(found.tables[0], "NPO", "retain_at_forget2"))
