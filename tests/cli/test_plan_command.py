"""`simnpo plan`: an estimate for a model folder, and messages for what cannot be planned."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


def flat(done: Any) -> str:
    """Return what a command printed, its lines joined."""
    return " ".join(done.out.split())


def test_plan_of_a_folder(simnpo: Any, model_folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(model_folder / "config.json", bare)  # no weights, no tokenizer
    done = simnpo("plan", "--model", bare, "--max-length", 32)
    assert done.code == 0, done.err
    for words in ("weights", "gradients", "optimizer states", "activations", "total"):
        assert words in flat(done)
    assert "precision fp32" in flat(done) and "512 tokens in a forward pass" in flat(done)
    assert "It fits into" in flat(done) and "measured here" in flat(done)
    assert "copies" not in flat(done) and "frozen" not in flat(done)


def test_plan_for_a_gpu_elsewhere(simnpo: Any, model_folder: Path) -> None:
    base = ["plan", "--model", model_folder, "--memory", 0.01]
    done = simnpo(*base, "--retain-loss", "kl", "--devices", 2)
    assert max(map(len, done.out.splitlines())) <= 80
    assert done.code == 0, done.err
    assert "precision mixed" in flat(done) and "frozen models to compare with" in flat(done)
    assert "Memory of each device" in flat(done) and "--tflops" in flat(done)
    assert "It does not fit into 10.2 MiB" in flat(done)
    assert "It would fit with --" in flat(done)
    done = simnpo(*base, "--retain-loss", "kl", "--offload-reference")
    assert "one of them is counted" in flat(done)
    done = simnpo(*base, "--lora-rank", 2, "--load-in-4bit", "--tflops", 100)
    assert "precision bf16" in flat(done) and "at 100 TFLOP/s (as given)" in flat(done)
    assert "paged optimizer" in flat(simnpo(*base, "--optimizer", "paged-adamw-8bit"))
    assert "No option makes it fit" in flat(simnpo(*base[:-1], 0.0001))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--memory", "0"], "--memory 0.0: must be above 0"),
        (["--memory", "inf"], "--memory inf"),
        (["--tflops", "-1"], "--tflops -1.0: must be above 0"),
        (["--devices", "0"], "--devices 0: must be at least 1"),
        (["--devices", "3"], "--batch-size 32 does not split evenly over 3 devices"),
        (["--examples", "0"], "--examples 0"),
        (["--max-length", "1"], "--max-length 1: must be at least 2"),
        (["--method", "magic"], "unknown method 'magic'"),
        (["--method", "retrain", "--retain-loss", "none"], "needs a forget or a retain objective"),
        (["--method", "rmu"], "RMU cannot be planned"),
        (["--load-in-4bit"], "--load-in-4bit without --lora-rank"),
        (["--offload-reference"], "--offload-reference does nothing here"),
        (
            ["--offload-reference", "--retain-loss", "kl", "--lora-rank", "2"],
            "--offload-reference does nothing here",
        ),
    ],
)
def test_bad_options(simnpo: Any, model_folder: Path, options: list[str], words: str) -> None:
    done = simnpo("plan", "--model", model_folder, *options)
    assert done.code == 1 and done.err.startswith("simnpo: error: ") and words in done.err


def test_models_that_cannot_be_planned(simnpo: Any, tmp_path: Path) -> None:
    done = simnpo("plan", "--model", "no-such/model")
    assert done.code == 1 and "looked up on the hub" in done.err
    done = simnpo("plan", "--model", tmp_path)
    assert done.code == 1 and "is not a model" in done.err
    for config in ({"model_type": "t5"}, {"model_type": "clip"}, {"model_type": "none"}):
        (tmp_path / "config.json").write_text(json.dumps(config))
        done = simnpo("plan", "--model", tmp_path)
        assert done.code == 1, config
        assert f"cannot load the configuration of {tmp_path}" in done.err
    (tmp_path / "config.json").write_text('{"half')
    assert simnpo("plan", "--model", tmp_path).code == 1
