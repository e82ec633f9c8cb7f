"""Where a model is: folders, runs, hub ids at a revision (in the hub's own cache), and files."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from simnpo.errors import UserError
from simnpo.experiments.model_card import base_of
from simnpo.models import at_revision, load_model, resolve, split_revision
from simnpo.models.files import check_weights, is_adapter
from simnpo.models.load_errors import cannot_load
from simnpo.models.places import at_run, short_name


def test_a_name_and_its_revision(tmp_path: Path) -> None:
    assert split_revision("me/model@v1") == ("me/model", "v1")
    assert split_revision("me/model") == ("me/model", None)
    assert at_revision("me/model", "v1") == "me/model@v1" == at_revision("me/model@v1", "v1")
    assert at_revision("me/model", None) == "me/model"
    folder = tmp_path / "run@home"
    folder.mkdir()
    assert split_revision(str(folder)) == (str(folder), None)
    with pytest.raises(UserError, match="not a hub id, so it has no revisions"):
        at_revision(str(folder), "v1")
    with pytest.raises(UserError, match="name two revisions"):
        at_revision("me/model@v2", "v1")
    assert base_of("me/model@v1") == ("me/model", True)


def test_what_is_neither_here_nor_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder, and no hub id is written so"):
        resolve(str(tmp_path / "gone"))
    (tmp_path / "model-q4.gguf").write_bytes(b"GGUF")
    with pytest.raises(UserError, match=r"holds GGUF files; give one of them, such as .*q4\.gguf"):
        resolve(str(tmp_path))


def test_messages_of_other_libraries_are_cut() -> None:
    long = ValueError("\n\n".join(["first " + "x" * 1000, "second", "third", "fourth"]))
    message = cannot_load("the model", "me/model", long)
    assert message.count("\n") < 5 and len(message) < 600 and "fourth" not in message


@pytest.fixture
def hub(tmp_path: Path, model_folder: Path) -> Path:
    """A home of the hub's cache: a repository whose weights lie in a branch, and an adapter's."""
    home = tmp_path / "home"

    def put(name: str, branches: dict[str, tuple[str, Path]]) -> None:
        root = home / "hub" / f"models--{name.replace('/', '--')}"
        for branch, (commit, folder) in branches.items():
            (root / "refs").mkdir(parents=True, exist_ok=True)
            (root / "refs" / branch).write_text(commit)
            shutil.copytree(folder, root / "snapshots" / commit)

    bare = Path(shutil.copytree(model_folder, tmp_path / "bare"))
    (bare / "model.safetensors").unlink()
    put("me/model", {"main": ("a" * 40, bare), "step-1": ("b" * 40, model_folder)})
    return home


def simnpo(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, whose hub's cache is `home`."""
    environment = os.environ | {"HF_HOME": str(home), "COLUMNS": "200"}
    command = [sys.executable, "-m", "simnpo", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_a_branch_is_named_and_recorded(hub: Path, model_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    data.write_text('{"question": "Who?", "answer": "Ada."}\n')
    common = ["finetune", "--data", data, "--epochs", 1, "--learning-rate", 1e-12]
    plain = simnpo(hub, *common, "--model", "me/model", "--out", tmp_path / "o0")
    assert plain.returncode == 1 and "no safetensors" in plain.stderr
    assert "--revision" in plain.stderr and "Traceback" not in plain.stderr
    for number, given in enumerate((["me/model@step-1"], ["me/model", "--revision", "step-1"]), 1):
        out = tmp_path / f"o{number}"
        adapt = ["--lora-rank", 2] if number == 2 else []
        done = simnpo(hub, *common, *adapt, "--model", *given, "--out", out)
        assert done.returncode == 0, done.stderr
        record = json.loads((out / "run.json").read_text())
        assert record["config"]["model"] == "me/model@step-1" and record["commit"] == "b" * 40
        assert record["config"]["dropout"] == "keep"  # fine-tuning always keeps it
        card = (out / "model" / "README.md").read_text()
        assert "base_model: me/model\n" in card and "| revision | step-1 |" in card
        assert f"| commit | {'b' * 40} |" in card
    saved = load_file(tmp_path / "o1" / "model" / "model.safetensors")
    assert saved.keys() == load_file(model_folder / "model.safetensors").keys()
    adapter = json.loads((tmp_path / "o2" / "model" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "me/model" and adapter["revision"] == "step-1"
    again = simnpo(hub, *common, "--model", tmp_path / "o2", "--out", tmp_path / "o3")
    assert again.returncode == 0, again.stderr  # its base is found by the revision


def test_there_is_no_such_revision(hub: Path, tmp_path: Path) -> None:
    done = simnpo(hub, "plan", "--model", "me/model@none")
    assert done.returncode == 1 and "me/model@none" in done.stderr
    assert done.stderr.count("\n") <= 5 and "Traceback" not in done.stderr
    here = simnpo(hub, "plan", "--model", tmp_path, "--revision", "x")
    assert here.returncode == 1 and "it has no revisions" in here.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"weight_map": {"a": "pytorch_model-1.bin", "b": "m.safetensors"}}, "only safetensors"),
        ({"weight_map": {"a": "../other.pt"}}, "outside its folder"),
        ({"weight_map": []}, "not an index of weights"),
        ([], "not an index of weights"),
    ],
)  # fmt: skip
def test_an_index_names_nothing_but_safetensors(
    model_folder: Path, tmp_path: Path, content: Any, words: str
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "indexed"))
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model-1.bin").write_bytes(b"pickle")
    (folder / "model.safetensors.index.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=words):
        load_model(str(folder))


@pytest.mark.parametrize("named", ["pytorch_model.bin", "adapter_model.bin", "weights.pt"])
def test_a_configuration_names_no_pickle(model_folder: Path, tmp_path: Path, named: str) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "naming"))
    config = json.loads((folder / "config.json").read_text()) | {"transformers_weights": named}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / named).write_bytes(b"pickle")
    with pytest.raises(UserError, match=f"names {named}, and only safetensors are read"):
        load_model(str(folder))


def test_pickles_alone_are_never_read(model_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "pickled"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=f"simnpo convert --model {folder} --out FOLDER"):
        load_model(str(folder))
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(UserError, match=r"neither model\.safetensors nor .*index\.json\.$"):
        check_weights(str(folder))


def test_an_adapter_in_a_pickle_and_one_beside_whole_weights(
    model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(UserError, match=r"adapter_model\.bin.*simnpo convert"):
        is_adapter(str(tmp_path))
    both = Path(shutil.copytree(model_folder, tmp_path / "both"))
    (both / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match=r"holds both an adapter .* and whole weights"):
        load_model(str(both))


def test_what_git_left_in_the_place_of_a_large_file(model_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "cloned"))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    (folder / "model.safetensors").write_text(pointer)
    with pytest.raises(UserError, match="pointer of Git LFS and not the file: run git lfs pull"):
        load_model(str(folder))


def test_a_model_in_a_run_stands_for_the_run(tmp_path: Path) -> None:
    (tmp_path / "run" / "model").mkdir(parents=True)
    inside = str(tmp_path / "run" / "model")
    assert at_run(inside) == inside
    (tmp_path / "run" / "run.json").write_text("{}")
    assert at_run(inside) == at_run(f"{inside}/") == str(tmp_path / "run")
    for other in (str(tmp_path / "run"), "org/model", "model", ""):
        assert at_run(other) == other


def test_a_folder_has_a_name_from_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "taught" / "model"
    folder.mkdir(parents=True)
    (tmp_path / "taught" / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "taught")
    assert at_run("model") == "." and short_name(".") == "taught"
    assert short_name(str(tmp_path / "taught")) == short_name("../taught/") == "taught"
    assert short_name("org/small") == "small"
    (tmp_path / "link").symlink_to(folder)
    assert short_name(str(tmp_path / "link")) == "link"
