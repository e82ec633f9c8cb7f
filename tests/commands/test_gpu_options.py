"""The commands pass on what needs bitsandbytes, and refuse it before anything is loaded."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers.utils

from simnpo import jobs
from simnpo.errors import UserError


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
