"""What a Windows machine, a pipe that closes and a bare `--version` need."""

import io
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from small_data import QUESTIONS, write_rows

from simnpo.cli import main as cli
from simnpo.storage.whole_folders import link_folder
from simnpo.system.terminal import output_may_end

WITHOUT_UNIX = """
import builtins, sys

HIDDEN = {"resource", "fcntl", "pwd", "grp", "termios", "readline"}
whole = builtins.__import__

def from_ours(name, globals=None, *rest, **named):
    # Other packages know which system they are on, and here it is not Windows.
    if name in HIDDEN and (globals or {}).get("__name__", "").startswith(("simnpo", "__main__")):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return whole(name, globals, *rest, **named)

builtins.__import__ = from_ours
"""


def without_unix_modules(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_UNIX + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_unlearning_needs_no_unix_module(model_folder: Path, tmp_path: Path) -> None:
    rows = [{"question": question, "answer": answer} for question, answer in QUESTIONS]
    code = """
import simnpo
from simnpo.cli.main import main
try:
    import resource
except ImportError:
    sys.exit(main(sys.argv[1:]))
sys.exit("it is not hidden")
"""
    done = without_unix_modules(
        code, "unlearn", "--model", model_folder, "--out", tmp_path / "out", "--epochs", 1,
        "--forget", write_rows(tmp_path / "forget.jsonl", rows[:4]),
        "--retain", write_rows(tmp_path / "retain.jsonl", rows[4:]),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["peak_memory_mib"] > 50


def test_every_module_can_be_imported_without_unix_modules() -> None:
    code = """
import importlib, pkgutil, simnpo
for module in pkgutil.walk_packages(simnpo.__path__, "simnpo."):
    if module.name != "simnpo.__main__":
        importlib.import_module(module.name)
"""
    done = without_unix_modules(code)
    assert done.returncode == 0, done.stderr


def test_a_folder_is_copied_where_links_are_not_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    link = tmp_path / "link"
    link_folder(link, "a")
    assert link.is_symlink() and (link / "file").read_text() == "a"

    def forbidden(*args: Any, **kwargs: Any) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", forbidden)
    for name in ("b", "a"):
        link_folder(link, name)
        assert not link.is_symlink() and (link / "file").read_text() == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "link"]


def test_version_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    own, torch, transformers = map(version, ("simnpo", "torch", "transformers"))
    python = platform.python_version()
    expected = f"simnpo {own} (torch {torch}, transformers {transformers}, Python {python})\n"
    assert capsys.readouterr().out == expected


class Closed:
    """A command that prints to a pipe whose reader has gone, and then does its work."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def run(self) -> None:
        for _ in range(5):
            print("x" * 10_000, flush=True)
        self.file.write_text("done")
        print("buffered until the end")


def test_work_is_done_to_the_end_for_nobody_who_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(cli, "parse", lambda arguments: Closed(tmp_path / "file"))
    with monkeypatch.context() as patched, os.fdopen(writer, "w") as closed:
        patched.setattr("sys.stdout", closed)
        assert cli.main(["compare"]) == 0
    assert (tmp_path / "file").read_text() == "done"


def test_what_the_encoding_lacks_is_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", narrow)
    with output_may_end():
        print("log₁₀ p ±")
    assert narrow.buffer.getvalue() == "log?? p ±\n".encode("cp1252")  # type: ignore[attr-defined]


def test_a_pipe_into_head_ends_quietly() -> None:
    """A real process: Python flushes standard output once more as it ends."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "simnpo", "--help"], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert done.stderr == "" and done.returncode == 0
