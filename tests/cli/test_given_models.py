"""Models that users bring, through the commands: what came with them, and what is told of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file
from small_data import QUESTIONS, write_rows

from simnpo.models import load_model


def test_a_checkpoint_that_lacks_a_layer(
    simnpo: Any, files: Any, model_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "lacking"))
    path = folder / "model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if ".layers.0." not in k}, path)
    for command in (
        ["finetune", "--data", files.retain],
        ["unlearn", "--forget", files.forget, "--retain", files.retain],
        ["evaluate", "--forget", files.forget],
        ["attack", "quantize", "--forget", files.forget],
    ):
        done = simnpo(*command, "--model", folder, "--out", tmp_path / "out")
        assert done.code == 1 and "Missing: model.layers.0." in done.err
        assert done.err.count("\n") <= 5
        assert not (tmp_path / "out" / "model").exists()


def test_the_model_in_a_run_is_asked_as_the_run_was(
    simnpo: Any, files: Any, model_folder: Path, tmp_path: Path
) -> None:
    run, template = tmp_path / "run", "Question: {question}\nReply: {answer}"
    data = ["--forget", files.forget, "--retain", files.retain]
    unlearn = ["unlearn", "--model", model_folder, *data, "--steps", 2, "--template", template]
    assert simnpo(*unlearn, "--out", run).code == 0
    summaries = []
    for model in (run, run / "model"):
        out = tmp_path / f"of-{model.name}"
        done = simnpo("evaluate", "--model", model, *data, "--out", out)
        assert done.code == 0, done.err
        summaries.append(json.loads((out / "summary.json").read_text()))
    named, inside = summaries
    assert inside["name"] == named["name"] == "SimNPO"
    assert inside["model"] == named["model"] == str(run)
    assert inside["template"] == named["template"] == template
    assert inside["metrics"] == named["metrics"] and inside["verdict"] == named["verdict"]


@pytest.fixture(params=[torch.bfloat16, torch.float16])
def half(request: pytest.FixtureRequest, make_llama: Any, tokenizer: Any, tmp_path: Path) -> Path:
    """A model of 16 bits."""
    folder = tmp_path / "half"
    make_llama().to(request.param).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def dtypes(folder: Path) -> tuple[set[torch.dtype], str]:
    tensors = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    return {one.dtype for one in tensors.values()}, config["dtype"]


@pytest.mark.parametrize(
    ("asked", "due"), [(None, None), ("mixed", None), ("fp32", "float32"), ("bf16", "bfloat16")]
)
def test_a_model_is_saved_in_the_type_it_came_in(
    simnpo: Any, half: Path, files: Any, tmp_path: Path, asked: str | None, due: str | None
) -> None:
    options = [] if asked is None else ["--precision", asked]
    out = tmp_path / "out"
    command = ["finetune", "--model", half, "--data", files.retain, "--epochs", 1, *options]
    done = simnpo(*command, "--out", out)
    assert done.code == 0, done.err
    assert dtypes(out / "model") == (({getattr(torch, due)}, due) if due else dtypes(half))
    load_model(str(out))


def test_adapters_merged_after_training_are_rounded_once(
    simnpo: Any, half: Path, files: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    lora = ["--lora-rank", 2, "--lora-merge", "--learning-rate", 0.1]
    command = ["finetune", "--model", half, "--data", files.retain, "--epochs", 2, *lora]
    assert simnpo(*command, "--out", out).code == 0
    assert dtypes(out / "model") == dtypes(half)


@pytest.fixture(scope="module")
def adapter_run(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with an adapter."""
    from simnpo.cli.main import main

    folder = tmp_path_factory.mktemp("adapters")
    rows = [{"question": question, "answer": answer} for question, answer in QUESTIONS]
    files = [write_rows(folder / f"{n}.jsonl", rows[4 * n : 4 * n + 4]) for n in (0, 1)]
    command = [
        "unlearn", "--model", model_folder, "--forget", files[0], "--retain", files[1], "--epochs",
        2, "--learning-rate", 1e-1, "--lora-rank", 2, "--no-report", "--out", folder / "run",
    ]  # fmt: skip
    assert main([str(one) for one in command]) == 0
    return folder / "run"


@pytest.mark.parametrize("kind", ["relearn", "quantize"])
def test_attacks_on_a_run_with_an_adapter(
    simnpo: Any, adapter_run: Path, tofu_folder: Path, tmp_path: Path, kind: str, in_process: Any
) -> None:
    tofu = ["--benchmark", "tofu", "--data-dir", tofu_folder, "--scores-only"]
    few = ["--seeds", 1, "--epochs", 2, "--learning-rate", 1e-2] if kind == "relearn" else []
    out = tmp_path / "attack"
    done = simnpo("attack", kind, "--model", adapter_run, *tofu, *few, "--out", out)
    assert done.code == 0, done.err
    import pandas as pd

    found = pd.read_parquet(out / f"{kind}.parquet")
    curve = found[found["metric"] == "forget.probability"]["value"]
    assert len(curve) == 3 and curve.nunique() == 3


def test_all_weights_are_trained_from_an_adapter(
    simnpo: Any, adapter_run: Path, files: Any, model_folder: Path, tmp_path: Path
) -> None:
    command = ["finetune", "--model", adapter_run, "--data", files.retain, "--epochs", 2]
    done = simnpo(*command, "--learning-rate", 1e-2, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    before, after = (
        load_file(one / "model.safetensors") for one in (model_folder, tmp_path / "out/model")
    )
    assert before.keys() == after.keys()
    assert not any(torch.equal(one, after[name]) for name, one in before.items())


def test_experts_are_adapted_and_planned(
    simnpo: Any, files: Any, tokenizer: Any, tmp_path: Path
) -> None:
    tiny_models.mixtral().save_pretrained(tmp_path / "moe")
    tokenizer.save_pretrained(tmp_path / "moe")
    out = tmp_path / "out"
    lora = ["--lora-rank", 2, "--learning-rate", 0.1]
    command = ["finetune", "--model", tmp_path / "moe", "--data", files.retain, "--epochs", 2]
    done = simnpo(*command, *lora, "--out", out)
    assert done.code == 0, done.err
    assert "not adapted, apart from embeddings, head and norms: mlp.gate.weight" in done.err
    saved = load_file(out / "model" / "adapter_model.safetensors")
    experts = [one for name, one in saved.items() if ".experts." in name and "lora_B" in name]
    assert len(experts) == 4 and all(one.abs().max() > 0 for one in experts)
    load_model(str(out), "fp32")
    planned = simnpo("plan", "--model", tmp_path / "moe", "--lora-rank", 2, "--tflops", 1)
    assert planned.code == 0, planned.err
    assert "LoRA leaves out, apart from embeddings, head and norms: mlp.gate.weight" in planned.out
    trained = sum(one.numel() for one in saved.values())
    assert f", {trained} trained" in planned.out
