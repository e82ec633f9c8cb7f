"""`simnpo merge` against arithmetic by hand, and `simnpo push` with a hub of our own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.errors import OfflineModeIsEnabled
from safetensors.torch import load_file
from small_data import QUESTIONS, write_rows

from simnpo.cli.main import main
from simnpo.models import load_model


@pytest.fixture(scope="module")
def half_precision_base(
    make_llama: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A base in bfloat16 with a template and settings for sampling, as published models are."""
    folder = tmp_path_factory.mktemp("bases") / "base"
    model = make_llama().to(torch.bfloat16)
    model.generation_config.update(do_sample=True, temperature=0.6, max_length=77)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter_run(half_precision_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with an adapter that changes something."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [{"question": question, "answer": answer} for question, answer in QUESTIONS]
    files = [write_rows(folder / f"{n}.jsonl", rows[4 * n : 4 * n + 4]) for n in (0, 1)]
    command = [
        "unlearn", "--model", half_precision_base, "--forget", files[0], "--retain", files[1],
        "--epochs", 2, "--learning-rate", 1e-1, "--lora-rank", 2, "--lora-alpha", 6, "--template",
        "Ask: {question}\nSay: {answer}", "--max-length", 64, "--no-report", "--out",
        folder / "out",
    ]  # fmt: skip
    assert main([str(one) for one in command]) == 0
    return folder / "out"


@pytest.fixture
def adapter(adapter_run: Path, tmp_path: Path) -> Path:
    """A copy of that run, for a test to change."""
    return Path(shutil.copytree(adapter_run, tmp_path / "adapter"))


def test_merged_in_float32_and_rounded_once(
    simnpo: Any, adapter: Path, half_precision_base: Path, tmp_path: Path
) -> None:
    done = simnpo("merge", "--model", adapter, "--out", tmp_path / "merged")
    assert done.code == 0, done.err
    folder = tmp_path / "merged" / "model"
    base, merged = (load_file(one / "model.safetensors") for one in (half_precision_base, folder))
    low = load_file(adapter / "model" / "adapter_model.safetensors")
    assert base.keys() == merged.keys()
    changed = 0
    for name, before in base.items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        expected = before
        if f"{stem}.lora_A.weight" in low:
            a, b = (low[f"{stem}.lora_{one}.weight"].float() for one in "AB")
            expected = (before.float() + 6 / 2 * (b @ a)).to(torch.bfloat16)
            changed += int(not expected.equal(before))
        assert merged[name].dtype == torch.bfloat16 and merged[name].equal(expected), name
    assert changed == 14  # seven linear layers in each of two
    config = json.loads((folder / "config.json").read_text())
    assert config["dtype"] == "bfloat16"
    generation = json.loads((folder / "generation_config.json").read_text())
    assert generation["temperature"] == 0.6 and generation["max_length"] == 77
    assert (folder / "tokenizer.json").is_file()
    assert not (folder / "adapter_config.json").exists()
    load_model(str(tmp_path / "merged"))


def test_the_merged_run_keeps_its_record(
    simnpo: Any, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "merged"
    assert simnpo("merge", "--model", adapter, "--out", out).code == 0
    before, after = (json.loads((one / "run.json").read_text()) for one in (adapter, out))
    assert after["config"] == {**before["config"], "lora_merge": True}
    assert after["config"]["template"].startswith("Ask: ") and after["config"]["max_length"] == 64
    assert after["data"] == before["data"] and after["merged_from"] == str(adapter)
    card = (out / "model" / "README.md").read_text()
    assert "library_name: transformers" in card and "| lora merge | True |" in card
    assert (
        "already holds results (run.json)" in simnpo("merge", "--model", adapter, "--out", out).err
    )
    refused = simnpo("merge", "--model", out, "--out", tmp_path / "again")
    assert refused.code == 1 and refused.err.count("\n") == 1
    assert f"{out} is a complete model, not an adapter: there is nothing to merge." in refused.err
    assert not (tmp_path / "again").exists()
    inside = simnpo("merge", "--model", adapter, "--out", adapter, "--overwrite")
    assert inside.code == 1 and "would remove" in inside.err


def test_an_adapter_that_peft_saved_and_one_without_its_base(
    simnpo: Any, adapter: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(adapter / "model", bare)
    done = simnpo("merge", "--model", bare, "--out", tmp_path / "merged")
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "merged" / "run.json").read_text())
    assert record["command"] == "merge" and record["config"]["template"] == "auto"
    config = json.loads((bare / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(tmp_path / "gone")
    (bare / "adapter_config.json").write_text(json.dumps(config))
    lost = simnpo("merge", "--model", bare, "--out", tmp_path / "lost")
    assert lost.code == 1 and "cannot load the adapter and its base" in lost.err
    assert not (tmp_path / "lost").exists()


class Hub:
    """What `push` needs of `HfApi`; remembers what it was asked."""

    there: dict[str, bool]  # names of repositories, and whether they are private

    def __init__(self) -> None:
        self.there = {}
        self.uploaded: list[tuple[str, list[str]]] = []

    def create_repo(self, repo: str, *, private: bool, exist_ok: bool) -> str:
        assert exist_ok
        self.there.setdefault(repo, private)
        return f"https://huggingface.co/{repo}"

    def model_info(self, repo: str) -> Any:
        hub = self

        class Info:
            private = hub.there[repo]

        return Info()

    def upload_folder(
        self, *, repo_id: str, folder_path: Path, allow_patterns: list[str], commit_message: str
    ) -> None:
        from huggingface_hub.utils import filter_repo_objects

        present = [str(p.relative_to(folder_path)) for p in Path(folder_path).rglob("*")]
        found = filter_repo_objects(sorted(present), allow_patterns=allow_patterns)
        self.uploaded.append((repo_id, list(found)))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub instead of the real one, and somebody who is logged in."""
    made = Hub()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: made)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_x")
    return made


@pytest.fixture
def run(simnpo: Any, adapter: Path, tmp_path: Path) -> Path:
    """A complete model in a finished run, with data that strayed into its folder."""
    out = tmp_path / "out"
    assert simnpo("merge", "--model", adapter, "--out", out).code == 0
    for stray in ("forget.jsonl", "notes.txt", "rows.json", "run.json"):
        (out / "model" / stray).write_text("{}")
    (out / "model" / "checkpoint-1").mkdir()
    (out / "model" / "checkpoint-1" / "config.json").write_text("{}")
    return out


def test_only_the_models_own_files_are_uploaded_and_privately(
    simnpo: Any, hub: Hub, run: Path
) -> None:
    done = simnpo("push", "--model", run, "--repo", "me/model")
    assert done.code == 0, done.err
    ((repo, files),) = hub.uploaded
    assert repo == "me/model" and hub.there == {"me/model": True}
    expected = {"README.md", "config.json", "generation_config.json", "model.safetensors"}
    assert set(files) == expected | {"tokenizer.json", "tokenizer_config.json"}
    assert "Model: https://huggingface.co/me/model (private)" in done.out
    (run / "model" / "run.json").unlink()  # else the folder is taken for a run
    assert simnpo("push", "--model", run / "model", "--repo", "me/other", "--public").code == 0
    assert hub.there["me/other"] is False


def test_the_uploaded_card_has_a_later_evaluation(simnpo: Any, hub: Hub, run: Path) -> None:
    (run / "evaluation").mkdir()
    summary = {"benchmark": "tofu", "split": "forget05", "metrics": {"model_utility": 0.5}}
    (run / "evaluation" / "summary.json").write_text(json.dumps(summary))
    assert simnpo("push", "--model", run, "--repo", "me/model").code == 0
    card = (run / "model" / "README.md").read_text()
    assert "Evaluated by simnpo on tofu forget05." in card and "| model\\_utility | 0.5 |" in card


def test_a_public_repository_is_not_filled_unasked(simnpo: Any, hub: Hub, run: Path) -> None:
    hub.there["me/model"] = False
    done = simnpo("push", "--model", run, "--repo", "me/model")
    assert done.code == 1 and "--repo me/model exists and is public" in done.err
    assert not hub.uploaded


def refused(done: Any, message: str) -> None:
    assert done.code == 1 and message in done.err, done.err
    assert done.err.count("\n") == 1


def test_what_cannot_be_pushed(
    simnpo: Any, hub: Hub, run: Path, adapter: Path, tmp_path: Path
) -> None:
    def push(model: Path, repo: str = "me/model") -> Any:
        return simnpo("push", "--model", model, "--repo", repo)

    refused(push(tmp_path / "nowhere"), "nowhere is not a folder here")
    refused(push(adapter), "is an adapter on a base model that only this machine has")
    refused(push(run, "me/a/b"), "--repo me/a/b: Repo id must be in the form")
    refused(push(run, "me/../x"), "--repo me/../x: ")
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "status": "running"}))
    refused(push(run), f"{run} is unfinished: continue it with --resume.")
    refused(simnpo("merge", "--model", run, "--out", tmp_path / "x"), "is unfinished")
    (run / "run.json").write_text(json.dumps(record))
    (run / "model" / "model.safetensors").unlink()
    refused(push(run), "holds no weights (*.safetensors).")
    shutil.rmtree(run / "model")
    refused(push(run), "holds a run without its model")
    assert not hub.uploaded and not hub.there


def test_why_the_hub_cannot_be_used(
    simnpo: Any, hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unreachable(Exception):
        pass

    Unreachable.__module__ = "httpx2"

    class Refusing(Exception):
        def __init__(self, status: int) -> None:
            super().__init__("Client error\nmore of it")
            self.response = type("Response", (), {"status_code": status})

    for error, message in [
        (OfflineModeIsEnabled("offline"), "the hub is switched off by HF_HUB_OFFLINE; unset it."),
        (Unreachable("Name or service not known"), "cannot be reached (Name or service not known)"),
        (Refusing(401), "the hub does not know this token"),
        (Refusing(403), "this token may not write there"),
        (Refusing(500), "cannot push to me/model: Refusing: Client error"),
    ]:

        def fail(*args: Any, error: Exception = error, **kwargs: Any) -> None:
            raise error

        monkeypatch.setattr(hub, "create_repo", fail)
        refused(simnpo("push", "--model", run, "--repo", "me/model"), message)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    done = simnpo("push", "--model", run, "--repo", "me/model")
    refused(done, "not logged in to the Hugging Face hub: run `hf auth login` first.")
