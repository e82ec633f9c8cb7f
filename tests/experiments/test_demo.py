"""The demo at a reduced size: same code, fewer authors, seconds."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

from simnpo.benchmarks.mini_tofu.settings import PRESETS, mini_tofu_study
from simnpo.benchmarks.mini_wmdp.settings import PRESETS as MINI_WMDP
from simnpo.benchmarks.mini_wmdp.settings import mini_wmdp_study
from simnpo.benchmarks.minis import Mini
from simnpo.benchmarks.preset import Preset
from simnpo.config import Reinforcement
from simnpo.errors import Interrupted
from simnpo.experiments.demo import run_demo
from simnpo.experiments.mini_models import mini_models
from simnpo.training.run import train_model


@pytest.fixture(scope="module")
def reduced() -> Mini:
    mini = mini_tofu_study("forget01")
    few = {
        name: replace(asked, items=asked.items[:6], max_new_tokens=8)
        for name, asked in mini.benchmark.evaluation.items()
    }
    benchmark = replace(
        mini.benchmark,
        forget=mini.benchmark.forget[:6],
        retain=mini.benchmark.retain[:12],
        evaluation=few,
    )
    mini.architecture.update({"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 64})
    return replace(
        mini,
        benchmark=benchmark,
        pretraining=mini.pretraining[:40],
        rehearsal=mini.rehearsal[:8],
        pretrain=replace(mini.pretrain, epochs=2),
        finetune=replace(mini.finetune, epochs=3),
    )


def presets(*names: str) -> list[Preset]:
    chosen = [PRESETS.of(name) for name in names]
    return [replace(one, training=replace(one.training, epochs=2)) for one in chosen]


@pytest.fixture(scope="module")
def demo(reduced: Mini, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    every = presets("ga", "idk_dpo", "npo", "simnpo")
    run_demo(reduced, every, out / "out", out / "cache", evaluate_epochs=1)
    return out


def test_every_model_is_in_the_report(demo: Path) -> None:
    names = ["Original", "Retrain", "GA", "IDK-DPO", "NPO", "SimNPO"]
    page = (demo / "out" / "report.html").read_text()
    for name in names:
        assert f">{name}<" in page or f" {name}<" in page, name
        summary = json.loads((demo / "out" / name.lower() / "evaluation/summary.json").read_text())
        assert summary["name"] == name
        assert summary["benchmark"] == "mini-tofu"
        assert all(value is not None for value in summary["metrics"].values())


def test_retrain_is_its_own_target_and_original_is_not(demo: Path) -> None:
    def metrics(name: str) -> dict[str, Any]:
        path = demo / "out" / name / "evaluation/summary.json"
        found: dict[str, Any] = json.loads(path.read_text())["metrics"]
        return found

    assert metrics("retrain")["forget_quality"] == 1
    assert metrics("original")["forget_quality_statistic"] > 0


def test_epochs_are_in_the_history(demo: Path) -> None:
    summary = json.loads((demo / "out/simnpo/evaluation/summary.json").read_text())
    assert [row["epoch"] for row in summary["history"]] == [0, 1, 2]
    last = summary["history"][-1]
    assert last["forget_quality"] == pytest.approx(summary["metrics"]["forget_quality"])
    assert last["model_utility"] == pytest.approx(summary["metrics"]["model_utility"])


def test_models_are_cached_by_content(
    demo: Path, reduced: Mini, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = mini_models(reduced, demo / "cache", 42)
    monkeypatch.setattr("simnpo.experiments.mini_models.train_model", _no_training)
    assert mini_models(reduced, demo / "cache", 42) == known
    changed = replace(reduced, finetune=replace(reduced.finetune, learning_rate=1e-4))
    for other, seed in ((changed, 42), (reduced, 43)):
        with pytest.raises(AssertionError, match="trained"):
            mini_models(other, demo / "cache", seed)


def test_resume_keeps_what_is_finished(
    demo: Path, reduced: Mini, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (demo / "out/npo/evaluation/summary.json").read_bytes()
    monkeypatch.setattr("simnpo.experiments.jobs.train_model", _no_training)
    monkeypatch.setattr("simnpo.experiments.demo.evaluate_into", _no_training)
    every = presets("ga", "idk_dpo", "npo", "simnpo")
    run_demo(reduced, every, demo / "out", demo / "cache", evaluate_epochs=1, resume=True)
    assert (demo / "out/npo/evaluation/summary.json").read_bytes() == before


def test_resume_goes_on_within_a_method(demo: Path, reduced: Mini, tmp_path: Path) -> None:
    """Stopped in the middle of a method, the demo ends with the same weights."""

    def stop_at_step_2(*args: Any, **kwargs: Any) -> Any:
        kwargs["callbacks"] = [*kwargs["callbacks"], _PressCtrlC()]
        return train_model(*args, **kwargs)

    every, cache, out = presets("npo"), demo / "cache", tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simnpo.experiments.jobs.train_model", stop_at_step_2)
        with pytest.raises(Interrupted):
            run_demo(reduced, every, out, cache)
    assert (out / "npo" / "checkpoint-1").is_dir()
    run_demo(reduced, every, out, cache, resume=True)
    assert not (out / "npo" / "checkpoint-1").exists()
    run_demo(reduced, every, tmp_path / "whole", cache)
    one, other = (path / "npo/model/model.safetensors" for path in (out, tmp_path / "whole"))
    assert one.read_bytes() == other.read_bytes()


def test_methods_that_over_fit_first(
    demo: Path, reduced: Mini, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RKLD and the task vector, evaluated and kept as the others are."""
    chosen = [
        replace(one, reinforcement=Reinforcement(2, 1e-3)) for one in presets("rkld", "task_vector")
    ]
    cache, out = demo / "cache", tmp_path / "out"
    found = run_demo(reduced, chosen, out, cache, evaluate_epochs=2)
    assert [one.name for one in found] == ["Original", "Retrain", "RKLD", "Task Vector"]
    for folder in ("rkld", "task-vector"):
        assert (out / folder / "reinforced" / "model").is_dir()
        assert (out / folder / "evaluation" / "summary.json").is_file()
    monkeypatch.setattr("simnpo.experiments.jobs.train_model", _no_training)
    run_demo(reduced, chosen, out, cache, evaluate_epochs=2, resume=True)


class _PressCtrlC(TrainerCallback):
    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 0:
            os.kill(os.getpid(), signal.SIGINT)


def _no_training(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("trained again")


def test_plain_texts_and_multiple_choice(tmp_path: Path) -> None:
    """`mini-wmdp` at a reduced size: texts are unlearned, letters are measured."""
    mini = mini_wmdp_study("craft")
    few = {
        name: replace(asked, items=asked.items[:8])
        for name, asked in mini.benchmark.evaluation.items()
    }
    sets = {"forget": mini.benchmark.forget[:6], "retain": mini.benchmark.retain[:6]}
    mini.architecture.update({"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 64})
    reduced = replace(
        mini,
        benchmark=replace(mini.benchmark, **sets, evaluation=few),
        pretraining=mini.pretraining[:20],
        rehearsal=mini.rehearsal[:20],
        pretrain=replace(mini.pretrain, epochs=1),
        finetune=replace(mini.finetune, epochs=1),
    )
    preset = MINI_WMDP.of("simnpo")
    short = Preset(preset.method, replace(preset.training, epochs=1))
    run_demo(reduced, [short], tmp_path / "out", tmp_path / "cache", evaluate_epochs=1)
    summary = json.loads((tmp_path / "out/simnpo/evaluation/summary.json").read_text())
    assert summary["suite"] == "multiple_choice"
    assert summary["items"] == {"craft": 8, "neighbour": 8, "general": 8}
    assert summary["history"][-1]["kept"] == pytest.approx(summary["metrics"]["kept"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Accuracy on the controls" in page and "Truth ratio" not in page
    assert (tmp_path / "out/plots/trade_off.png").is_file()
