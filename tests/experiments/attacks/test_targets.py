"""The models under attack as runs: what each is compared with, and how many go on at a time."""

import shutil
from pathlib import Path

import pytest
import torch

from simnpo.experiments.attacks import targets as attacked
from simnpo.experiments.attacks.setup import AttackSetup
from simnpo.experiments.attacks.targets import runs_at_once, targets


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
    setup: AttackSetup, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = targets([str(model_folder)], None, None, setup)
    monkeypatch.setattr(attacked, "workers", lambda: 8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for gigabytes, due in ((1, 1), (4, 2), (100, 8)):
        monkeypatch.setattr(attacked, "device_memory", lambda size=gigabytes: int(size * 1e9))
        assert runs_at_once(models, trains=True) == due
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runs_at_once(models, trains=True) == 8
