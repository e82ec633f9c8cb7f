"""Files appear whole or not at all; unreadable ones are named."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from simnpo.errors import UserError
from simnpo.storage.files import (
    atomic_write,
    read_json,
    read_table,
    write_json,
    write_table,
    write_text,
)


def test_an_error_inside_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="power cut"), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("power cut")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_inside_makes_no_file_where_there_was_none(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "new.txt"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_old_content_stands_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_text(path, "old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        written = temporary.stat().st_ino
    assert path.read_text() == "new"
    assert path.stat().st_ino == written  # renamed in one step, not copied
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_text_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "text.md"
    write_text(path, "β ≥ 0 — 東京\n")
    assert path.read_bytes() == "β ≥ 0 — 東京\n".encode()


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "x.txt", "")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.txt").stat().st_mode) == mode


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_refused_and_the_old_file_is_kept(
    tmp_path: Path, value: float
) -> None:
    path = tmp_path / "summary.json"
    write_json(path, {"metric": None})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"metrics": [{"forget_quality": value}]})
    assert read_json(path) == {"metric": None}
    assert list(tmp_path.iterdir()) == [path]


def test_json_round_trip(tmp_path: Path) -> None:
    value = {"name": "Jaïme", "list": [1, 0.1, None, True], "nested": {"a": "\u2028"}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_table_round_trip(tmp_path: Path) -> None:
    table = pd.DataFrame({"set": ["forget", "ретейн"], "x": [0.1, float("nan")]}, index=[7, 9])
    write_table(tmp_path / "t.parquet", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), table.reset_index(drop=True))


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, pd.DataFrame({"x": [1]}))
    with pytest.raises(Exception, match="object"):
        write_table(path, pd.DataFrame({"x": [object()]}))
    assert read_table(path)["x"].tolist() == [1]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("read", [read_json, read_table])
def test_missing_files_are_named(tmp_path: Path, read) -> None:
    with pytest.raises(UserError, match=r"nothing\.here does not exist"):
        read(tmp_path / "nothing.here")


def test_broken_files_are_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{\n "a": 1,\n "b": \n}\n')
    with pytest.raises(UserError, match=r"broken\.json, line 4"):
        read_json(path)
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(UserError, match=r"broken\.json"):
        read_json(path)
    for content in (b"PAR1 but no more", b""):
        path.with_suffix(".parquet").write_bytes(content)
        with pytest.raises(UserError, match=r"broken\.parquet"):
            read_table(path.with_suffix(".parquet"))
    with pytest.raises(UserError, match="cannot be read"):
        read_json(tmp_path)


def test_what_a_killed_process_left_of_a_file_goes_when_the_file_is_written_again(
    tmp_path: Path,
) -> None:
    """Of this file alone, and not what a living process is writing."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = tmp_path / f".out.jsonl.{ended.pid}-0123abcd.partial"
    others = [
        tmp_path / f".other.jsonl.{ended.pid}-0123abcd.partial",
        tmp_path / f".out.jsonl.{os.getppid()}-0123abcd.partial",
        tmp_path / ".out.jsonl.partial",
    ]
    for path in (dead, *others):
        path.touch()
    write_text(tmp_path / "out.jsonl", "new")
    assert not dead.exists() and all(path.exists() for path in others)
