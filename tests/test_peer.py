"""The speed benchmarks' other project: found, run in its own folder, and told when it fails.

No checkout is needed: small scripts stand in for its `train.py` and `eval.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import peer
import pytest

from simnpo.errors import UserError

STEPS = """
import os, sys
import deepspeed
from lm_eval.models.hf_vlms import HFLM
import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

assert "PYTHONPATH" not in os.environ
assert "trainer=SimNPO" in sys.argv and "+trainer.args.max_steps=3" in sys.argv
tokenizer = AutoTokenizer.from_pretrained("model")
rows = load_dataset("locuslab/TOFU", name="forget05", split="train")
assert len(load_dataset("locuslab/TOFU", name="retain_perturbed", split="train")) == 4
data = [dict(input_ids=(ids := tokenizer(row["answer"])["input_ids"]), labels=ids) for row in rows]
settings = TrainingArguments(
    "out", max_steps=3, per_device_train_batch_size=1, use_cpu=True, report_to=[]
)
Trainer(AutoModelForCausalLM.from_pretrained("model"), settings, train_dataset=data).train()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "open-unlearning"
    (folder / "src").mkdir(parents=True)
    for name in ("train.py", "eval.py"):
        (folder / "src" / name).touch()
    return folder


@pytest.fixture
def open_peer(checkout: Path, tofu_folder: Path, tmp_path: Path) -> Any:
    def make(**changes: Any) -> peer.Peer:
        settings = {"peer": checkout, "peer_python": Path(sys.executable)} | changes
        data_dir = settings.pop("data_dir", str(tofu_folder))
        found = peer.peer_of(peer.PeerOptions(**settings), data_dir, tmp_path / "work")
        assert found is not None
        return found

    return make


def shell_script(folder: Path, *lines: str) -> Path:
    path = folder / "python"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def test_without_the_option_there_is_no_peer(tmp_path: Path) -> None:
    assert peer.peer_of(peer.PeerOptions(), None, tmp_path) is None


def test_mistakes_are_named(open_peer: Any, tmp_path: Path) -> None:
    for changes, words in (
        ({"peer_python": None}, "--peer and --peer-python go together"),
        ({"peer": None}, "--peer and --peer-python go together"),
        ({"data_dir": None}, "--peer needs --data-dir"),
        ({"peer": tmp_path / "nowhere"}, "nowhere is not a checkout of open-unlearning"),
        ({"peer": tmp_path}, r"has no src/train\.py"),
        ({"peer_python": tmp_path / "none"}, "none is not a program that can be run"),
    ):
        with pytest.raises(UserError, match=words):
            open_peer(**changes)


def test_a_python_without_torch_is_told(open_peer: Any, tmp_path: Path) -> None:
    python = shell_script(tmp_path, "echo 'No module named torch' >&2\nexit 1")
    with pytest.raises(UserError, match=r"ended with code 1(.|\n)*No module named torch"):
        open_peer(peer_python=python)


def test_steps_are_timed_on_our_model_and_data(
    open_peer: Any, checkout: Path, llama: Any, tokenizer: Any, tmp_path: Path
) -> None:
    (checkout / "src" / "train.py").write_text(STEPS)
    found = open_peer()
    assert found.versions.startswith("torch ")
    found.take(llama, tokenizer)
    assert 0 < found.seconds_per_step("simnpo", 3, 1) < 60
    settings = json.loads((tmp_path / "work/model/tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"  # older transformers know it
    assert len(json.loads((tmp_path / "work" / "times.json").read_text())) == 2
    assert sorted(one.name for one in checkout.rglob("*")) == ["eval.py", "src", "train.py"]


def test_a_failed_run_shows_the_end_of_what_it_said(open_peer: Any, tmp_path: Path) -> None:
    python = shell_script(
        tmp_path,
        'if [ "$1" = -c ]; then echo "torch 2"; exit; fi',
        "seq -f 'line %g' 100",
        "echo 'no such metric' >&2\nexit 3",
    )
    with pytest.raises(UserError) as told:
        open_peer(peer_python=python).evaluate()
    message = str(told.value)
    assert "code 3" in message and "eval.py" in message and "line 99" in message
    assert message.endswith("no such metric") and "line 50" not in message


def test_metrics_are_compared_by_both_names() -> None:
    theirs = dict.fromkeys(peer.METRICS, 0.5)
    ours = dict.fromkeys(peer.METRICS.values(), 0.5) | {"forget.rouge_l": 0.25}
    assert peer.largest_difference(theirs, ours) == ("forget.rouge_l", 0.25)
