"""The model card: what the hub reads of it, what a reader sees, and what must not be in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from simnpo.experiments.model_card import base_of, measured_of, model_card, write_model_card

RECORD: dict[str, Any] = {
    "command": "unlearn",
    "status": "finished",
    "argv": ["unlearn", "--forget", "/home/me/secret.jsonl"],
    "config": {
        "model": "/home/me/models/base",
        "method": "SimNPO",
        "forget_loss": {"name": "SimNPO", "beta": 2.5, "gamma": 0.0},
        "forget_weight": 1.0,
        "retain_loss": {"name": "NLL"},
        "learning_rate": 1e-5,
        "steps": None,
        "lora_rank": 0,
        "template": "chat",
        "retain_scores": "/home/me/retrain",
    },
    "data": {
        "forget_size": 30, "forget_hash": "0123456789abcdef", "refusals_size": 0,
        "refusals_hash": "4f53cda18c2baa0c", "rows": ["Ada Vell was born in Torrin."],
    },
    "versions": {"simnpo": "0.1.0", "torch": "2.11"},
}  # fmt: skip


def card(record: dict[str, Any] = RECORD, **changes: Any) -> str:
    settings = {"base": "base", "base_is_hub_id": False, "adapter": False} | changes
    return model_card(record, **settings)


def test_the_hub_reads_its_metadata() -> None:
    data = ModelCard(card(base="owner/base-1B", base_is_hub_id=True)).data.to_dict()
    assert data == {
        "base_model": "owner/base-1B",
        "base_model_relation": "finetune",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["simnpo", "unlearning", "machine-unlearning"],
    }
    adapter = ModelCard(card(base="owner/base-1B", base_is_hub_id=True, adapter=True)).data
    assert adapter.library_name == "peft"
    assert adapter.to_dict()["base_model_relation"] == "adapter"
    npo = {**RECORD, "config": {**RECORD["config"], "method": "IDK-DPO"}}
    assert ModelCard(card(npo)).data.tags == [
        "simnpo",
        "unlearning",
        "machine-unlearning",
        "idk-dpo",
    ]
    assert ModelCard(card()).data.base_model is None  # nobody else has that folder


def test_it_says_what_was_done_and_on_how_much() -> None:
    text = card()
    assert (
        "made from base and made to forget a forget set with SimNPO (arXiv 2410.07163) by simnpo."
        in text
    )
    assert "| forget loss | SimNPO (beta 2.5, gamma 0.0) |" in text
    assert "| learning rate | 1e-05 |" in text and "| steps |" not in text
    assert "| forget | 30 rows, hash 0123456789abcdef |" in text
    assert "refusals" not in text  # there were none
    assert "AutoModelForCausalLM.from_pretrained(folder)" in text
    assert "Nothing yet." in text and "The base model's: see base." in text
    tuned = {**RECORD, "command": "finetune", "config": {"method": "Fine-tuning"}, "data": {}}
    assert "made from base and fine-tuned by simnpo." in card(tuned)
    assert "unlearning" not in ModelCard(card(tuned)).data.tags
    adapter = card(adapter=True)
    assert "a LoRA adapter for base" in adapter and "AutoPeftModelForCausalLM" in adapter
    assert "`simnpo merge`" in adapter


def test_it_shows_what_was_measured() -> None:
    measured = {
        "verdict": "Forgotten: 28 of 30 answers no longer come out; kept: 48 of 48 trained on",
        "on": "mini-tofu forget10",
        "metrics": {"model_utility": 0.61234567, "forget_quality": None, "flag": True, "out": 0.1},
        "counts": {"out": [3, 30]},
        "items": {"forget": 40, "retain": 300},
    }
    text = card(measured=measured)
    assert "**Forgotten: 28 of 30 answers no longer come out; kept: 48 of 48 trained on**" in text
    assert "Evaluated by simnpo on mini-tofu forget10 (items: forget 40, retain 300)." in text
    assert "| model\\_utility | 0.6123 |" in text and "| out | 3 of 30 |" in text
    assert "forget\\_quality" not in text and "flag" not in text and "Nothing yet" not in text


def test_what_a_run_on_own_files_found_is_read_without_its_paths(tmp_path: Path) -> None:
    verdict = {"kind": "forgotten", "sentence": "Forgotten: 28 of 30"}
    (tmp_path / "run.json").write_text(json.dumps({**RECORD, "verdict": verdict}))
    (tmp_path / "evaluation").mkdir()
    summary = {
        "benchmark": "own", "split": "/home/me/forget.jsonl, C:\\data\\retain.jsonl",
        "metrics": {"forget.extracted": 0.1}, "counts": {"forget.extracted": [3, 30]},
        "items": {"forget": 30},
    }  # fmt: skip
    (tmp_path / "evaluation" / "summary.json").write_text(json.dumps(summary))
    text = card(measured=measured_of(tmp_path))
    assert "**Forgotten: 28 of 30**" in text and "| forget.extracted | 3 of 30 |" in text
    assert "on own forget.jsonl, retain.jsonl (items: forget 30)." in text


def test_no_path_and_no_row_is_in_it() -> None:
    record = {**RECORD, "config": {**RECORD["config"], "reference": "/home/me/reference"}}
    text = card(record)
    assert "/home" not in text and "secret" not in text and "Torrin" not in text


def test_what_users_wrote_is_text_and_not_markup() -> None:
    evil = "x](http://a) <script>alert(1)</script> | `b` ```\n---\n# head"
    config = {**RECORD["config"], "method": evil, "template": "{question} ``` {answer}\n---"}
    text = card({**RECORD, "config": config}, base=evil, measured={"verdict": evil, "on": evil})
    assert "<script>" not in text and "\n# head" not in text
    assert re.search(r"(?<!\\)\]\(http", text) is None
    data = ModelCard(text).data
    assert data.tags[-1] == "x-http-a-script-alert-1-script-b-head"
    fence = re.search(r"(`{4,})\n\"\{question\} ``` ", text)
    assert fence and f"\n{fence[1]}\n" in text  # a block's fence is longer than any within
    header = ModelCard(card(base="a/b: [c", base_is_hub_id=True)).data
    assert header.base_model == "a/b: [c"


@pytest.mark.parametrize(
    ("given", "name", "is_hub_id"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", True),
        ("gpt2", "gpt2", True),
        ("/home/me/models/base/", "base", False),
        ("C:\\Users\\me\\base", "base", False),
        ("runs/finetune/taught", "taught", False),
        ("./base", "base", False),
        ("../base", "base", False),
        (None, "", False),
    ],
)
def test_names_of_bases(given: Any, name: str, is_hub_id: bool) -> None:
    assert base_of(given) == (name, is_hub_id)


def test_a_folder_of_here_is_no_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "me" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert base_of("me/base") == ("base", False)


def test_every_run_gets_a_card(
    simnpo: Any, files: Any, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known from the run on, whatever folder the card is written again from."""
    monkeypatch.chdir(model_folder.parent)
    done = simnpo(
        "unlearn", "--model", model_folder.name, "--forget", files.forget, "--retain",
        files.retain, "--epochs", 1, "--lora-rank", 2, "--no-report",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 0, done.err
    path = tmp_path / "run" / "model" / "README.md"
    first = path.read_text()
    assert '"Question: {question}\\nAnswer: {answer}"' in first  # it has no chat template
    assert "adapter for tiny-llama" in first and str(tmp_path) not in first
    assert str(model_folder.parent) not in first
    monkeypatch.chdir(tmp_path)
    assert write_model_card(tmp_path / "run") == path and path.read_text() == first
