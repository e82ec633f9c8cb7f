"""`simnpo attack` as a user runs it, and what a user can get wrong."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simnpo.errors import UserError
from simnpo.experiments import quantize_run
from simnpo.experiments.quantize_run import quantize_model

pytestmark = pytest.mark.usefixtures("in_process")


@pytest.fixture
def tofu(tofu_folder: Path) -> list[Any]:
    return ["--benchmark", "tofu", "--data-dir", tofu_folder, "--scores-only"]


@pytest.fixture
def unlearned(simnpo: Any, files: Any, model_folder: Path, tmp_path: Path) -> Path:
    done = simnpo(
        "unlearn", "--model", model_folder, "--forget", files.forget, "--retain", files.retain,
        "--epochs", 1, "--learning-rate", 1e-3, "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 0, done.err
    return tmp_path / "run"


def test_relearn(
    simnpo: Any, tofu: list[Any], unlearned: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "attack"
    command = [
        "attack", "relearn", "--model", unlearned, "--retrain", model_folder, *tofu,
        "--fraction", 0.5, "--select", "random", "shortest", "--epochs", 1, "--seeds", 2,
        "--learning-rate", 1e-3, "--out", out,
    ]  # fmt: skip
    done = simnpo(*command)
    assert done.code == 0, done.err
    assert "SimNPO, 1 epoch on a random 50 %: Forget quality" in " ".join(done.out.split())
    table = pd.read_parquet(out / "relearn.parquet")
    assert list(table) == ["model", "select", "seed", "epoch", "metric", "value"]
    assert set(table["model"]) == {"SimNPO", "Retrain"}
    assert set(table["select"]) == {"random", "shortest"} and set(table["seed"]) == {42, 43}
    # Retrain's own scores are what forget quality compares with.
    start = table[(table["metric"] == "forget_quality") & (table["epoch"] == 0)]
    assert (start.loc[start["model"] == "Retrain", "value"] == 1).all()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["config"]["fraction"] == 0.5
    first = summary["outcomes"][0]
    assert first["model"] == "SimNPO" and first["metric"] == "forget_quality"
    assert first["retrain_before"] == 1
    page = (out / "report.html").read_text()
    assert "Relearning tofu forget05" in page and "beyond Retrain" in page
    assert page.count("<figure>") == 3  # the headline, and every metric of each selection
    assert (out / "plots" / "headline.png").is_file()
    assert not list(out.rglob("*.safetensors"))
    assert "Nothing to do" in simnpo(*command, "--resume").out
    changed = simnpo(*command, "--resume", "--weight-decay", 0.5)
    assert changed.code == 1 and "weight_decay was 0.01 and is 0.5" in changed.err
    assert "already holds results" in simnpo(*command).err


def test_quantize(
    simnpo: Any, tofu: list[Any], unlearned: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "attack"
    command = ["attack", "quantize", "--model", unlearned, "--retrain", model_folder, *tofu]
    done = simnpo(*command, "--bits", 4, "--out", out)
    assert done.code == 0, done.err
    assert "SimNPO, 4 bits: Forget quality" in " ".join(done.out.split())
    table = pd.read_parquet(out / "quantize.parquet")
    assert list(table) == ["model", "weights", "metric", "value"]
    assert set(table["weights"]) == {"full", "4 bits"}
    assert "Quantization, tofu forget05" in (out / "report.html").read_text()
    rounded = list(out.glob("runs/*-4-bits-*"))
    assert len(rounded) == 2
    assert simnpo("compare", *rounded, "--out", tmp_path / "c").code == 0
    done = simnpo(*command, "--bits", 8, "--out", out, "--overwrite")
    assert done.code == 0, done.err
    assert not list(out.glob("runs/*-4-bits-*"))
    assert len(list(out.glob("runs/*-8-bits-*"))) == 2


def test_a_run_that_fails_is_named(
    simnpo: Any,
    tofu: list[Any],
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_process: list[str],
) -> None:
    out = tmp_path / "attack"
    command = ["attack", "quantize", "--model", model_folder, *tofu, "--out", out]

    def fails(model: Any, bits: int) -> float:
        if bits == 8:
            raise UserError("no room for it.")
        return quantize_model(model, bits)

    with monkeypatch.context() as patched:
        patched.setattr(quantize_run, "quantize_model", fails)
        done = simnpo(*command)
    assert done.code == 1 and not (out / "report.html").exists()
    title = "tiny-llama tiny-llama, tofu forget05"
    assert done.err.splitlines()[-1] == f"simnpo: error: {title}, 8 bits: no room for it."
    assert in_process == [title, f"{title}, 8 bits", f"{title}, 4 bits"]
    in_process.clear()
    done = simnpo(*command, "--resume")
    assert done.code == 0, done.err
    assert in_process == [f"{title}, 8 bits"]


def test_a_relearning_that_diverges_is_named(
    simnpo: Any, tofu: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    wild = ["--learning-rate", 1e5, "--max-grad-norm", 0, "--batch-size", 1, "--seeds", 1]
    command = ["attack", "relearn", "--model", model_folder, *tofu, *wild]
    done = simnpo(*command, "--fraction", 0.5, "--out", tmp_path / "attack")
    assert done.code == 3, done.err
    said = done.err.splitlines()[-1]
    assert said.startswith("simnpo: training diverged: Relearning random, draw 42, of tiny-llama")
    assert "lower --learning-rate" in said


def test_mistakes(simnpo: Any, tofu: list[Any], model_folder: Path, tmp_path: Path) -> None:
    base = ["--model", model_folder, "--out", tmp_path / "out"]

    def refused(arguments: list[Any], *words: str) -> None:
        result = simnpo("attack", *arguments)
        assert result.code == 1, result.err
        assert all(word in result.err for word in words), result.err
        assert not (tmp_path / "out").exists()

    refused(["relearn", *base], "--benchmark tofu")
    wmdp = ["--benchmark", "mini-wmdp", "--retain-scores", tmp_path]
    refused(["quantize", *base, *wmdp], "accuracies need no retain model")
    refused(["relearn", *base, *tofu, "--fraction", 1.5], "--fraction 1.5")
    refused(["relearn", *base, *tofu, "--seeds", 0], "--seeds 0")
    refused(["relearn", *base, *tofu, "--workers", 0], "--workers 0")
    refused(["relearn", *base, *tofu, "--epochs", 0.5], "--epochs 0.5")
    refused(["relearn", *base, *tofu, "--offload-reference"], "does nothing here")
    refused(["relearn", *base, *tofu, "--retrain", model_folder], "given twice")
    refused(["quantize", *base, *tofu, "--retain-scores", tmp_path / "none"], "does not exist")
    missing = ["--model", tmp_path / "none", "--out", tmp_path / "out"]
    refused(["quantize", *missing, *tofu], "none", "no such folder")
    assert simnpo("attack", "relearn", *base, *tofu, "--select", "longest").code == 2
    assert simnpo("attack", "quantize", *base, *tofu, "--bits", 5).code == 2
    assert simnpo("attack").code == 2


def test_retrain_is_named_as_such(
    simnpo: Any, tofu: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "retrain").symlink_to(model_folder)
    done = simnpo(
        "attack", "quantize", "--model", tmp_path / "retrain", *tofu, "--out", tmp_path / "out"
    )
    assert done.code == 1 and "give it as --retrain" in done.err
