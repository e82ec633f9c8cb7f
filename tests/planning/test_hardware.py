"""Options that need bitsandbytes and a GPU: refused in words where these are missing."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers.utils

from simnpo import models
from simnpo.cli.lora_options import LoraOptions
from simnpo.config import LoraConfig, Optimizer, TrainingConfig
from simnpo.errors import UserError
from simnpo.planning.hardware import check_hardware, device_memory, matmul_rate
from simnpo.training.arguments import arguments

CASES = [
    (TrainingConfig(optimizer="adamw-8bit"), LoraConfig(), "``optimizer=adamw-8bit``"),
    (TrainingConfig(optimizer="paged-adamw-8bit"), LoraConfig(), "``optimizer=paged-adamw-8bit``"),
    (TrainingConfig(), LoraConfig(rank=2, load_in_4bit=True), "``load_in_4bit``"),
]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    def has(bitsandbytes: bool, gpu: bool) -> None:
        monkeypatch.setattr(transformers.utils, "is_bitsandbytes_available", lambda: bitsandbytes)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)

    return has


@pytest.mark.parametrize(("training", "lora", "option"), CASES)
def test_what_is_missing_is_named(
    machine: Any, training: TrainingConfig, lora: LoraConfig, option: str
) -> None:
    machine(bitsandbytes=False, gpu=True)
    with pytest.raises(UserError, match=f"{option} needs bitsandbytes .*: pip install"):
        check_hardware(training, lora)
    machine(bitsandbytes=True, gpu=False)
    with pytest.raises(UserError, match=f"{option} needs a GPU"):
        check_hardware(training, lora)
    machine(bitsandbytes=True, gpu=True)
    check_hardware(training, lora)


def test_the_defaults_need_nothing(machine: Any) -> None:
    machine(bitsandbytes=False, gpu=False)
    check_hardware(TrainingConfig(), LoraConfig(rank=2))


def test_contradictions() -> None:
    with pytest.raises(UserError, match="``load_in_4bit`` without ``lora_rank``"):
        LoraOptions(load_in_4bit=True).config()
    with pytest.raises(UserError, match="``lora_merge`` with ``load_in_4bit``"):
        LoraOptions(lora_rank=2, lora_merge=True, load_in_4bit=True).config()
    options = LoraOptions(lora_rank=2, lora_alpha=8, load_in_4bit=True)
    assert options.config() == LoraConfig(2, 8, False, True)


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        ("adamw", "adamw_torch_fused"),
        ("adamw-8bit", "adamw_bnb_8bit"),
        ("paged-adamw-8bit", "paged_adamw_8bit"),
    ],
)
def test_names_of_optimizers(tmp_path: Path, optimizer: Optimizer, name: str) -> None:
    made = arguments(TrainingConfig(optimizer=optimizer, precision="fp32"), tmp_path)
    assert made.optim == name


def test_adamw_is_fused_here() -> None:
    weights = torch.nn.Parameter(torch.ones(4))
    weights.grad = torch.ones(4)
    torch.optim.AdamW([weights], fused=True).step()
    assert (weights < 1).all()


def test_four_bits_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, model_folder: Path, llama: Any
) -> None:
    from transformers import AutoModelForCausalLM

    asked: dict[str, Any] = {}
    nothing = dict.fromkeys(("missing_keys", "unexpected_keys", "mismatched_keys"), ())

    def load(name: str, **options: Any) -> tuple[torch.nn.Module, dict[str, Any]]:
        asked.update(options)
        return llama, nothing

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", load)
    models.load_model(str(model_folder), "bf16", load_in_4bit=True)
    wanted = asked["quantization_config"]
    assert wanted.load_in_4bit and wanted.bnb_4bit_quant_type == "nf4"
    assert wanted.bnb_4bit_use_double_quant and wanted.bnb_4bit_compute_dtype == torch.bfloat16
    assert asked["dtype"] == torch.bfloat16
    asked.clear()
    models.load_model(str(model_folder), "bf16")
    assert "quantization_config" not in asked


def test_an_adapter_is_not_merged_into_four_bits(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match="is an adapter"):
        models.load_model(str(tmp_path), load_in_4bit=True)


def test_what_this_machine_has() -> None:
    assert device_memory() > 2**28
    assert matmul_rate(torch.float32, seconds=0.01) > 1e6
