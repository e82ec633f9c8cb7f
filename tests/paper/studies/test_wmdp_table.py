"""Table A4: what is forgotten and kept of WMDP."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from stored_tofu_runs import SEEDS, mean, results, store, verdicts

from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.paper.scale import mini, paper
from simnpo.paper.studies import load_study
from simnpo.paper.studies.tablea4 import makers

AS_IN_THE_PAPER = {"RMU": (0.68, 0.57), "NPO": (0.74, 0.44), "SimNPO": (0.75, 0.48)}


def store_wmdp(home: Path, values: Mapping[str, tuple[float, float]]) -> None:
    for name, make in makers(mini()).items():
        forgotten, kept = values.get(name, (0.35, 0.59))
        for seed in SEEDS:
            store(home, make(seed), (), {"forgotten": forgotten, "kept": kept})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (AS_IN_THE_PAPER, ["held", "held", "held"]),
        # NPO keeps as much as SimNPO; SimNPO alone forgets less than RMU, and keeps more.
        (
            {"RMU": (0.7, 0.5), "NPO": (0.74, 0.6), "SimNPO": (0.65, 0.6)},
            ["undecided", "not held", "not held"],
        ),
        (
            {"RMU": (0.74, 0.57), "NPO": (0.74, 0.48), "SimNPO": (0.75, 0.44)},
            ["not held", "undecided", "held"],
        ),
    ],
)
def test_verdicts(
    tmp_path: Path, values: Mapping[str, tuple[float, float]], expected: list[str]
) -> None:
    store_wmdp(tmp_path, values)
    found = load_study("tableA4").find(results(tmp_path))
    assert verdicts(found) == expected
    (table,) = found.tables
    assert [one.name for one in table.rows] == ["Original", "Retrain", "RMU", "NPO", "SimNPO"]
    assert mean(table, "Original", "forgotten") == pytest.approx(0.35)
    assert mean(table, "SimNPO", "kept") == pytest.approx(values["SimNPO"][1])
    assert table.paper["RMU"] == {"forgotten": 0.68, "kept": 0.57}


def test_there_is_no_retrain_without_a_model_that_never_saw_the_data() -> None:
    assert "Retrain" not in makers(paper())
    assert not paper().wmdp.has_retrain and mini().wmdp.has_retrain
    bare = replace(mini(), wmdp=BenchmarkSetup("wmdp", "bio", original="a/model"))
    assert list(makers(bare)) == ["Original", "RMU", "NPO", "SimNPO"]
