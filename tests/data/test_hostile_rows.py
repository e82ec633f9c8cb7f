"""Data files that would never end, fill the memory, or lose a value: one line, at once."""

import gzip
import json
import os
import sys
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from simnpo.data import text_files
from simnpo.data.examples import load_examples
from simnpo.data.own_rows import load_own_rows
from simnpo.data.rows import read_lines, read_rows
from simnpo.errors import UserError
from simnpo.evaluation.history import read_history
from simnpo.storage import parquet
from simnpo.storage.files import read_json, read_table

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes among files")
GOOD = {"question": "q", "answer": "a"}


def refused(read: Any, path: Path, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        read(str(path) if read in (read_rows, load_own_rows) else path)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 700
    assert str(path) in str(raised.value)


def line(**changes: Any) -> str:
    return json.dumps(GOOD | changes) + "\n"


@UNIX
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.jsonl.gz", "a.parquet"])
@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_what_may_never_end(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    os.mkfifo(path) if kind == "fifo" else path.symlink_to("/dev/zero")
    refused(read_rows, path, "is a pipe or a device, and may never end")


@UNIX
def test_other_files_that_may_never_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    os.mkfifo(path)
    for read in (read_json, read_table, read_lines):
        refused(read, path, "is a pipe or a device")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_folders_that_are_named_as_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    refused(read_rows, tmp_path / name, "is a folder without files")
    refused(read_table, tmp_path / name, "it is a folder")


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(parquet, "MOST_BYTES", 1 << 20)
    packed, table = tmp_path / "a.jsonl.gz", tmp_path / "a.parquet"
    packed.write_bytes(gzip.compress(line(answer="x" * (1 << 22)).encode()))
    refused(read_rows, packed, "more than 1 MiB in .* bytes, as no file of texts does")
    pd.DataFrame({"question": ["q"] * 5000, "answer": ["x" * 1000] * 5000}).to_parquet(table)
    assert table.stat().st_size < 25_000  # each value is stored once
    for read in (read_rows, read_table):
        refused(read, table, "holds more than 1 MiB in .* bytes, as no file of texts does")
    pd.DataFrame({"answer": ["x" * (1 << 22)]}).to_parquet(
        table, use_dictionary=False, write_statistics=False, compression="zstd"
    )
    refused(read_rows, table, "holds more than")
    texts = [Random(seed).randbytes(1000).hex() for seed in range(1000)]  # 2 MB, and no bomb
    pd.DataFrame({"question": texts, "answer": texts}).to_parquet(table)
    assert [row.values["answer"] for row in read_rows(str(table))] == texts
    packed.write_bytes(gzip.compress("".join(line(answer=one) for one in texts).encode()))
    assert len(read_rows(str(packed))) == 1000


def test_tables_keep_what_they_held(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pd.DataFrame(
        {"text": ["a", None, "b"], "n": [1, 2, 3], "many": [["x"], [], ["y", "z"]], "f": [0.5] * 3}
    )
    for rows in (table, table.iloc[:0], pd.concat([table] * 100, ignore_index=True)):
        rows.to_parquet(path, index=False)
        pd.testing.assert_frame_equal(read_table(path), pd.read_parquet(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line() + "[" * 100_000, "line 2: not JSON .*recursion"),
        (line() + '{"a":' * 100_000, "line 2: not JSON"),
        ("[" * 100_000, "line 1: not JSON"),
        (line() + '{"question": ' + "9" * 10**6 + "}", "line 2: not JSON .*digits"),
        (line(answer=float("inf")).replace("Infinity", "1e999"), "'answer' must be text, got inf"),
        (line(answer=float("nan")), "'answer' must be text, got nan"),
        ('{"question": "q", "answer": "a", "answer": "b"}', "two values are named 'answer'"),
        ('[{"question": "q", "meta": {"a": 1, "a": 2}}]', "two values are named 'a'"),
        (line() + line(answer="\ud800"), r"line 2: holds \\ud800, half of a character"),
        (line(identifiers=["\udfff"]), r"line 1: holds \\udfff"),
        (json.dumps([GOOD, GOOD | {"paraphrased_answer": "\udbff"}]), r"record 2: holds \\udbff"),
        (line(**{"\udc00": 1}), r"line 1: holds \\udc00"),
        (line() + '"text"', "line 2: expected an object"),
        (line() + "null", "line 2: expected an object"),
        (line(perturbed_answer="[" * 100_000), "|".join(["must be text", "looks like a list"])),
    ],
    ids=range(15),
)
def test_json_bombs(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    if "perturbed" in text:
        (own,) = load_own_rows(str(path))  # it is not a list, so it is a text
        assert own.perturbed == ("[" * 100_000,)
        return
    with pytest.raises(UserError, match=message) as raised:
        load_examples(str(path))
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 700


def test_a_pair_of_halves_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line(answer="\U0001f600", question=r"C:\ud800 is a folder"))
    assert "\\ud83d" in path.read_text()
    (example,) = load_examples(str(path))
    assert example.answer == "\U0001f600" and example.question == r"C:\ud800 is a folder"


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n", "\r\n\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_and_line_ends(tmp_path: Path, ends: str, mark: str) -> None:
    for name, lines in {
        "a.jsonl": [line().strip(), "", line().strip()],
        "a.csv": ["question,answer", "q,a", "q,a"],
    }.items():
        (tmp_path / name).write_bytes((mark + ends.join(lines)).encode())
        assert [row.values for row in read_rows(str(tmp_path / name))] == [GOOD] * 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(line().encode(encoding))
    refused(read_rows, path, "save it as UTF-8|is NUL")


def test_a_field_of_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer\nq," + "a " * (1 << 21) + "\n")
    (example,) = load_examples(str(path))
    assert len(example.answer) > 1 << 22 - 1


@pytest.mark.parametrize("text", ["{", "3", "[" * 100_000, '{"a": 1}\n{"a"'])
def test_a_history_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(text)
    refused(read_history, path, "line [12]")
