"""Which runs the studies of halves, weights and curves take, and what those record."""

import pytest
from stored_tofu_runs import SEEDS

from simnpo.experiments.model_runs import Perturbed, TrainedModel
from simnpo.experiments.run import with_needs
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study

MINE = ("fig1b", "fig2", "fig3a", "fig3b", "fig3c", "fig3d", "fig4", "figA1", "figA4", "tableA2")


@pytest.mark.parametrize("name", MINE)
def test_runs_that_are_read_record_what_is_read(name: str) -> None:
    runs = with_needs(load_study(name).runs(mini(), SEEDS))
    unlearned = [run for run in runs if isinstance(run, UnlearnRun)]
    assert {run.seed for run in unlearned} == set(SEEDS)
    records = {"fig3a": "weights", "fig3b": "weights", "fig4": "weights", "figA4": "drift"}
    records |= {"fig3c": "history", "fig3d": "history"}
    if name in records:
        assert all(records[name] in run.records for run in unlearned)


def test_methods_are_run_once_for_all_studies() -> None:
    scale = mini()
    shared = scale.unlearned(scale.tofu, "npo", 1)
    for name in ("fig2", "fig3a", "fig3b", "fig3c", "fig3d", "fig4", "figA1", "figA4", "table1"):
        assert shared in load_study(name).runs(scale, SEEDS)
    assert load_study("fig1b").runs(scale, SEEDS) == load_study("tableA2").runs(scale, SEEDS)


def test_half_learnt_and_perturbed_runs_start_from_what_they_should() -> None:
    runs = load_study("tableA2").runs(mini(), SEEDS)
    origins = {run.origin for run in runs if isinstance(run, UnlearnRun)}
    assert origins == {TrainedModel(seed, mini().tofu, "first half") for seed in SEEDS}
    runs = load_study("figA1").runs(mini(), SEEDS)
    references = [run.reference for run in runs if isinstance(run, UnlearnRun) and run.reference]
    assert [type(one) for one in references] == [Perturbed, Perturbed]
