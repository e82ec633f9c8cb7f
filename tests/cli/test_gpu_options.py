"""The commands pass on what needs bitsandbytes, and refuse it before anything is loaded."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers.utils

from simnpo.errors import UserError
from simnpo.experiments import jobs
from simnpo.models import loading
from simnpo.planning import hardware


@pytest.fixture
def unlearn(simnpo: Any, files: Any, model_folder: Path, tmp_path: Path) -> Any:
    def run(*options: object) -> Any:
        sets = ("--forget", files.forget, "--retain", files.retain, "--out", tmp_path / "run")
        return simnpo("unlearn", "--model", model_folder, *sets, *options)

    return run


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--optimizer", "adamw-8bit"], "--optimizer adamw-8bit needs bitsandbytes"),
        (["--lora-rank", "2", "--load-in-4bit"], "--load-in-4bit needs bitsandbytes"),
        (["--load-in-4bit"], "--load-in-4bit without --lora-rank"),
        (["--lora-rank", "2", "--lora-merge", "--load-in-4bit"], "leave out --lora-merge"),
    ],
)
def test_refused_before_loading(
    unlearn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.setattr(transformers.utils, "is_bitsandbytes_available", lambda: False)
    monkeypatch.setattr(jobs, "load_model", None)
    done = unlearn(*options)
    assert done.code == 1 and words in done.err
    assert not (tmp_path / "run").exists()


def test_four_bits_reach_the_loader(unlearn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers.utils, "is_bitsandbytes_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def load(model: str, precision: str, trust: bool, load_in_4bit: bool) -> None:
        raise UserError(f"asked for {precision}, 4 bits: {load_in_4bit}")

    monkeypatch.setattr(jobs, "load_model", load)
    done = unlearn("--lora-rank", 2, "--load-in-4bit")
    assert done.code == 1 and "asked for bf16, 4 bits: True" in done.err


@pytest.fixture
def four_bits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Stand in for 4 bits: return which models were loaded, and whether in 4 bits."""
    from transformers import AutoModelForCausalLM

    loaded: list[tuple[str, bool]] = []
    whole = AutoModelForCausalLM.from_pretrained

    def load(name: str, *others: Any, **options: Any) -> Any:
        loaded.append((name, options.pop("quantization_config", None) is not None))
        return whole(name, *others, **options)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", load)
    monkeypatch.setattr(loading, "_four_bits", lambda precision: f"4 bits, {precision}")
    monkeypatch.setattr(hardware, "_need_bitsandbytes", lambda option: None)
    return loaded


def test_a_reinforced_model_is_held_in_4_bits_too(
    simnpo: Any, files: Any, model_folder: Path, tmp_path: Path, four_bits: list[tuple[str, bool]]
) -> None:
    """It was over-fitted on them: merged into whole weights it would be another model."""
    done = simnpo(
        *("unlearn", "--model", model_folder, "--method", "rkld", "--no-report", "--steps", 2),
        *("--forget", files.forget, "--retain", files.retain, "--reinforce-epochs", 1),
        *("--lora-rank", 2, "--load-in-4bit", "--precision", "fp32", "--out", tmp_path),
    )
    assert done.code == 0, done.err
    # Over-fitting, then the model and the reinforced one's base.
    assert four_bits == [(str(model_folder), True)] * 3
    assert (tmp_path / "reinforced" / "model" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize("how", ["--forget", "--requests"])
@pytest.mark.parametrize("precision", ["fp32", "mixed"])
def test_an_adapter_on_four_bits_is_measured_as_the_original_was(
    simnpo: Any,
    files: Any,
    model_folder: Path,
    tmp_path: Path,
    one_prompt: None,
    four_bits: list[tuple[str, bool]],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    precision: str,
) -> None:
    out = tmp_path / "out"
    own = ("--retain", files.retain, "--forget", files.forget)
    done = simnpo(
        *("unlearn", "--model", model_folder, how, files.forget, *own[:2], "--steps", 1),
        *("--lora-rank", 2, "--load-in-4bit", "--precision", precision, "--out", out),
    )
    assert done.code == 0, done.err
    for name in ("before", "evaluation"):
        summary = json.loads((out / name / "summary.json").read_text())
        assert summary["load_in_4bit"] and summary["precision"] == precision
        assert not any("rounding" in one for one in summary.get("verdict", {}).get("cautions", ()))
    # The base of each, also of the adapter: merged into it, it would have been refused.
    assert set(four_bits) == {(str(model_folder), True)}

    if how == "--requests":
        return
    # `evaluate` does alike where it can, and says so where it cannot.
    for can in (True, False):
        monkeypatch.setattr(hardware, "has_four_bits", lambda can=can: can)
        again = tmp_path / f"again-{can}"
        done = simnpo("evaluate", "--model", out, *own, "--out", again)
        assert done.code == 0, done.err
        summary = json.loads((again / "summary.json").read_text())
        cautions = " ".join(summary["verdict"]["cautions"])
        assert summary["load_in_4bit"] == can
        said = f"in {precision} on weights of 4 bits and this model in {precision}: rounding"
        assert (said in cautions) != can
