"""The demo at a reduced size: same code, fewer authors, seconds."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from runs_here import execute_here
from transformers import TrainerCallback

from simnpo.benchmarks.mini_tofu.settings import mini_tofu_study
from simnpo.benchmarks.mini_wmdp.settings import mini_wmdp_study
from simnpo.benchmarks.minis import Mini
from simnpo.benchmarks.preset import Preset
from simnpo.benchmarks.presets import unlearning_preset
from simnpo.config import Reinforcement
from simnpo.errors import Interrupted, UserError
from simnpo.evaluation.evaluation import Evaluation
from simnpo.experiments import benchmark_setup as sites
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.demo import RUNS, demo_runs, run_demo
from simnpo.experiments.mini_models import MiniModel
from simnpo.experiments.run import with_needs
from simnpo.training.run import train_model

SITE = BenchmarkSetup("mini-tofu", "forget01")
METHODS = ("ga", "idk_dpo", "npo", "simnpo")


@pytest.fixture(scope="module", autouse=True)
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mini]:
    """Let runs find a reduced mini and short presets, and be done in this process."""
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
    made = replace(
        mini,
        benchmark=benchmark,
        pretraining=mini.pretraining[:40],
        rehearsal=mini.rehearsal[:8],
        pretrain=replace(mini.pretrain, epochs=2),
        finetune=replace(mini.finetune, epochs=3),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMNPO_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("simnpo.experiments.demo.execute", partial(execute_here, []))
        _find(patch, made, epochs=2)
        yield made


def _find(patch: pytest.MonkeyPatch, mini: Mini, epochs: int) -> None:
    """Let runs find a mini, and methods train for few epochs."""

    def short(*where: Any) -> Preset:
        preset = unlearning_preset(*where)
        return replace(preset, training=replace(preset.training, epochs=epochs))

    patch.setattr(sites, "_load", lambda site: mini.benchmark)
    patch.setattr(sites, "_load_mini", lambda site: mini)
    patch.setattr(sites, "unlearning_preset", short)


def run(out: Path, *methods: str, evaluate_epochs: int = 0) -> list[Evaluation]:
    runs = demo_runs(SITE, methods, evaluate_epochs=evaluate_epochs)
    evaluations, failed = run_demo(runs, out, "a demo")
    assert not failed
    return evaluations


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    run(out / "out", *METHODS, evaluate_epochs=1)
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
    def make(seed: int) -> list[str]:
        models = [MiniModel(seed, SITE, learnt) for learnt in ("all", "retain")]
        for one in with_needs(models):
            one.ensure(demo)
        return [one.model(demo) for one in models]

    known = make(42)
    monkeypatch.setattr("simnpo.experiments.mini_models.train_model", _no_training)
    assert make(42) == known
    with pytest.raises(AssertionError, match="trained"):
        make(43)
    changed = replace(reduced, finetune=replace(reduced.finetune, learning_rate=1e-4))
    monkeypatch.setattr(sites, "_load_mini", lambda site: changed)
    with pytest.raises(AssertionError, match="trained"):
        make(42)


def test_splits_share_a_base() -> None:
    (one,), (other,) = (
        MiniModel(42, replace(SITE, split=split), "all").needs for split in ("forget01", "forget05")
    )
    assert one == other and one != MiniModel(43, SITE, "all").needs[0]


def test_an_emptied_cache_is_filled_again(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = demo_runs(SITE, METHODS, evaluate_epochs=1)
    assert all(one.finished(demo / "out" / RUNS) for one in runs.values())
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path))
    lost = [name for name, one in runs.items() if not one.finished(demo / "out" / RUNS)]
    assert lost == ["original", "retrain"]


def test_resume_keeps_what_is_finished(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (demo / "out/npo/evaluation/summary.json").read_bytes()
    for place in ("jobs.train_model", "mini_models.train_model", "model_runs.evaluate_into"):
        monkeypatch.setattr(f"simnpo.experiments.{place}", _no_training)
    run(demo / "out", *METHODS, evaluate_epochs=1)
    assert (demo / "out/npo/evaluation/summary.json").read_bytes() == before


def test_resume_goes_on_within_a_method(tmp_path: Path) -> None:
    """Stopped in the middle of a method, the demo ends with the same weights."""

    def stop_at_step_2(*args: Any, **kwargs: Any) -> Any:
        kwargs["callbacks"] = [*kwargs["callbacks"], _PressCtrlC()]
        return train_model(*args, **kwargs)

    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simnpo.experiments.jobs.train_model", stop_at_step_2)
        with pytest.raises(Interrupted, match="``resume``"):
            run(out, "npo")
    folder = demo_runs(SITE, ["npo"])["npo"].folder(out / RUNS)
    assert (folder / "checkpoint-1").is_dir()
    run(out, "npo")
    assert not (out / "npo" / "checkpoint-1").exists()
    run(tmp_path / "whole", "npo")
    one, other = (path / "npo/model/model.safetensors" for path in (out, tmp_path / "whole"))
    assert one.read_bytes() == other.read_bytes()


def test_methods_that_over_fit_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RKLD and the task vector, evaluated and kept as the others are."""
    short = sites.unlearning_preset

    def over_fits(*where: Any) -> Preset:
        return replace(short(*where), reinforcement=Reinforcement(2, 1e-3))

    monkeypatch.setattr(sites, "unlearning_preset", over_fits)
    out, chosen = tmp_path / "out", ("rkld", "task_vector")
    found = run(out, *chosen, evaluate_epochs=2)
    assert [one.name for one in found] == ["Original", "Retrain", "RKLD", "Task Vector"]
    for folder in ("rkld", "task-vector"):
        assert (out / folder / "reinforced" / "model").is_dir()
        assert (out / folder / "evaluation" / "summary.json").is_file()
    monkeypatch.setattr("simnpo.experiments.jobs.train_model", _no_training)
    run(out, *chosen, evaluate_epochs=2)


def test_two_methods_of_one_name() -> None:
    with pytest.raises(UserError, match="two models would be called npo"):
        demo_runs(SITE, ["npo", "npo"])


class _PressCtrlC(TrainerCallback):
    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 0:
            os.kill(os.getpid(), signal.SIGINT)


def _no_training(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("trained again")


def test_plain_texts_and_multiple_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    _find(monkeypatch, reduced, epochs=1)
    site = BenchmarkSetup("mini-wmdp", "craft")
    run_demo(demo_runs(site, ["simnpo"], evaluate_epochs=1), tmp_path / "out", "a demo")
    summary = json.loads((tmp_path / "out/simnpo/evaluation/summary.json").read_text())
    assert summary["suite"] == "multiple_choice"
    assert summary["items"] == {"craft": 8, "neighbour": 8, "general": 8}
    assert summary["history"][-1]["kept"] == pytest.approx(summary["metrics"]["kept"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Accuracy on the utility sets" in page and "Truth ratio" not in page
    assert (tmp_path / "out/plots/trade_off.png").is_file()
