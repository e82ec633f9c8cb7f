"""What adapters read: chosen by default on own data, by `--lora-subspace` elsewhere, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from simnpo.benchmarks.presets import own_data_preset
from simnpo.cli.lora_options import LoraOptions

QUICK = ("--learning-rate", 1e-2, "--no-report")


@pytest.fixture
def unlearned(simnpo: Any, model_folder: Path, files: Any, tmp_path: Path) -> Any:
    """A function that unlearns the two files with adapters and returns its settings and A."""

    def run(name: str, *options: Any) -> tuple[dict[str, Any], list[torch.Tensor]]:
        out = tmp_path / name
        done = simnpo(
            "unlearn", "--model", model_folder, "--forget", files.forget, "--retain",
            files.retain, "--lora-rank", 2, "--out", out, *QUICK, *options,
        )  # fmt: skip
        assert done.code == 0, done.err
        config = json.loads((out / "run.json").read_text())["config"]
        adapters = load_file(out / "model" / "adapter_model.safetensors")
        return config, [one for name, one in sorted(adapters.items()) if "lora_A" in name]

    return run


def test_own_data_fixes_what_the_forget_set_stands_out_in(unlearned: Any) -> None:
    config, fixed = unlearned("fixed", "--steps", 3)
    assert config["lora_subspace"] == "forget"
    for one, later in zip(fixed, unlearned("longer", "--steps", 6)[1], strict=True):
        assert torch.equal(one, later)  # nothing is trained that they depend on
    for one, other in zip(fixed, unlearned("seed", "--steps", 3, "--seed", 7)[1], strict=True):
        assert torch.equal(one, other)  # nor drawn
    config, taught = unlearned("idk", "--steps", 3, "--method", "idk")  # by questions, not answers
    assert config["lora_subspace"] == "forget"
    assert not any(torch.equal(*two) for two in zip(fixed, taught, strict=True))
    config, free = unlearned("free", "--steps", 3, "--lora-subspace", "free")
    assert "lora_subspace" not in config
    assert not any(torch.equal(*two) for two in zip(fixed, free, strict=True))


def test_a_method_without_a_retain_loss_trains_both_matrices(unlearned: Any) -> None:
    for options in (("--method", "ga"), ("--retain-loss", "none")):
        config, short = unlearned(f"short {options}", "--steps", 3, *options)
        assert "lora_subspace" not in config
        _, long = unlearned(f"long {options}", "--steps", 6, *options)
        assert not any(torch.equal(*two) for two in zip(short, long, strict=True))


def test_without_a_retain_loss_the_rate_is_that_of_free_adapters() -> None:
    lora = LoraOptions(lora_rank=2)
    rates = [
        own_data_preset("simnpo", 30, 7 * 10**9, True, lora.reads(loss)).training.learning_rate
        for loss in (None, "kl", "none")
    ]
    assert rates == [3e-4, 3e-4, 5e-5]


def test_plan_counts_what_is_trained(
    simnpo: Any, model_folder: Path, files: Any, tmp_path: Path
) -> None:
    sets = ("--forget", files.forget, "--retain", files.retain, "--lora-rank", 2)
    out = tmp_path / "out"
    base = ("--model", model_folder, *sets)
    assert simnpo("unlearn", *base, *QUICK, "--steps", 1, "--out", out).code == 0
    adapters = load_file(out / "model" / "adapter_model.safetensors")
    for subspace, name in (("forget", "lora_B"), ("free", "lora_")):
        planned = simnpo("plan", *base, "--lora-subspace", subspace, "--tflops", 1)
        trained = sum(one.numel() for key, one in adapters.items() if name in key)
        assert planned.code == 0 and f", {trained} trained" in " ".join(planned.out.split())
    usual = simnpo("plan", *base, "--tflops", 1).out
    assert f", {trained} trained" not in " ".join(usual.split())


def test_benchmarks_train_both_matrices_by_default(
    simnpo: Any, model_folder: Path, tofu_folder: Path, tmp_path: Path
) -> None:
    command = [
        "unlearn", "--model", model_folder, "--benchmark", "tofu", "--data-dir", tofu_folder,
        "--lora-rank", 2, "--steps", 1,
    ]  # fmt: skip
    for given, due in (((), None), (("--lora-subspace", "forget"), "forget")):
        out = tmp_path / str(due)
        done = simnpo(*command, *given, "--out", out)
        assert done.code == 0, done.err
        config = json.loads((out / "run.json").read_text())["config"]
        assert config.get("lora_subspace") == due


def test_what_a_fixed_subspace_needs(
    simnpo: Any, model_folder: Path, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget = ("--lora-subspace", "forget")
    base = ("--model", model_folder, "--out", tmp_path / "out")
    sets = ("--forget", files.forget, "--retain", files.retain)

    def refused(command: str, *options: Any) -> str:
        done = simnpo(command, *base, *options)
        assert done.code == 1 and not (tmp_path / "out").exists()
        return str(done.err)

    assert "does nothing without --lora-rank" in refused("unlearn", *sets, *forget)
    lora = ("--lora-rank", 2, *forget)
    said = refused("finetune", "--data", files.retain, *lora)
    assert "compares a forget set with a retain set" in said and "leave it out" in said
    assert "GA does not train on both" in refused("unlearn", *sets, *lora, "--method", "ga")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert "use --lora-subspace free" in refused("unlearn", *sets, *lora, "--no-report")
