"""What `make real` takes for the model, and what it refuses."""

import json
from pathlib import Path

import fetch_real
import pytest

from simnpo.errors import UserError


def test_a_folder_is_complete_only_with_the_marker_of_this_gguf(tmp_path: Path) -> None:
    marker = tmp_path / fetch_real.MARKER
    assert not fetch_real.is_complete(tmp_path / "none")
    assert not fetch_real.is_complete(tmp_path)
    for text in ('{"sha', "[]", "{}", json.dumps({"sha256": "0" * 64})):
        marker.write_text(text)
        assert not fetch_real.is_complete(tmp_path)
    marker.write_text(json.dumps({"sha256": fetch_real.GGUF.sha256}))
    assert fetch_real.is_complete(tmp_path)


def test_a_file_of_another_size_or_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180's example
    fetch_real.check(path, fetch_real.Part("file", 3, sha))
    with pytest.raises(UserError, match="has 3 bytes; file has 4"):
        fetch_real.check(path, fetch_real.Part("file", 4, sha))
    with pytest.raises(UserError, match="has sha256 ba7816bf"):
        fetch_real.check(path, fetch_real.Part("file", 3, "0" * 64))


def test_a_failed_fetch_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> Path:
        (folder / "half").write_text("half")
        raise UserError("no index")

    monkeypatch.setattr(fetch_real, "_downloaded", refuse)
    with pytest.raises(UserError):
        fetch_real.fetch(tmp_path / "model")
    assert not list(tmp_path.iterdir())
