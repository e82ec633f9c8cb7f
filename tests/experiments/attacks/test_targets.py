"""The models under attack as runs: what each is compared with, and how many go on at a time."""

import shutil
from pathlib import Path

import pytest

from simnpo.experiments import local_processes
from simnpo.experiments.attacks.setup import AttackSetup
from simnpo.experiments.attacks.targets import targets
from simnpo.experiments.local_processes import LocalProcesses, runs_at_once
from simnpo.experiments.relearn_run import RelearnRun
from simnpo.experiments.run import PROCESS, Run
from simnpo.paper.markov.panels import Size
from simnpo.paper.markov.runs import MarkovModel


@pytest.fixture
def setup(tofu_folder: Path) -> AttackSetup:
    return AttackSetup("tofu", "forget05", str(tofu_folder))


def test_retrain_is_last_and_gives_the_retain_scores_where_there_are_no_others(
    setup: AttackSetup, model_folder: Path, tmp_path: Path
) -> None:
    other = str(shutil.copytree(model_folder, tmp_path / "other"))
    model, retrain = targets([str(model_folder)], other, None, setup)
    assert (model.name, retrain.name) == ("tiny-llama", "Retrain")
    assert model.retrain == retrain and model.needs == (retrain,)
    assert retrain.is_retrain and not retrain.needs and not model.is_retrain
    model, retrain = targets([str(model_folder)], other, "scores", setup)
    assert model.needs == retrain.needs and model.needs[0].is_retrain
    assert not retrain.is_retrain  # it is compared with what was given, too
    (model,) = targets([str(model_folder)], None, None, setup)
    assert not model.needs


def test_memory_limits_how_many_runs_go_on_at_a_time(
    setup: AttackSetup, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model,) = targets([str(model_folder)], None, None, setup)
    relearned = RelearnRun(1, model, "random")
    assert relearned.parameters == model.parameters > 0
    assert relearned.memory - PROCESS == 4 * (model.memory - PROCESS)
    chains: list[Run] = [MarkovModel(1, Size())]
    monkeypatch.setattr(local_processes, "cores", lambda: 8)
    monkeypatch.setattr(local_processes, "gpus", list)
    for gigabytes, due in ((1, 1), (4, 2), (100, 8)):
        monkeypatch.setattr(local_processes, "machine_memory", lambda size=gigabytes: size * 1e9)
        assert runs_at_once([model, relearned]) == runs_at_once(chains) == due
        assert LocalProcesses(tmp_path, None, [relearned]).slots == due
        assert LocalProcesses(tmp_path, 3, [relearned]).slots == 3
    monkeypatch.setattr(local_processes, "gpus", lambda: ["0", "1", "2"])
    assert runs_at_once([model, relearned]) == 3 and runs_at_once(chains) == 8
