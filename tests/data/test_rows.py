"""Rows of every kind of file, and what is wrong with a bad one, by file and line."""

import json
from pathlib import Path

import pandas as pd
import pytest

from simnpo.data.examples import Example, load_examples
from simnpo.data.rows import Row, read_file, read_lines, read_rows, read_texts
from simnpo.errors import UserError

RECORDS = [{"question": "Wer?", "answer": "Jörg\u2028Ås"}, {"question": "b", "answer": "d"}]


def lines(records: list[dict[str, str]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def test_json_lines_keep_values_and_places(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.json"):  # TOFU's .json files hold one object a line
        path = tmp_path / name
        path.write_text(lines(RECORDS), encoding="utf-8")
        rows = read_rows(str(path))
        assert [row.values for row in rows] == RECORDS
        assert [row.place for row in rows] == [f"{path}, line 1", f"{path}, line 2"]


def test_a_json_list_however_indented(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for indent in (None, 2):
        path.write_text("\n " + json.dumps(RECORDS, indent=indent))
        rows = read_rows(str(path))
        assert [row.values for row in rows] == RECORDS
        assert [row.place for row in rows] == [f"{path}, record 1", f"{path}, record 2"]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame(RECORDS, index=[5, 9]).to_parquet(path)
    rows = read_rows(str(path))
    assert [row.values["answer"] for row in rows] == [one["answer"] for one in RECORDS]
    assert [row.place for row in rows] == [f"{path}, row 1", f"{path}, row 2"]


def test_byte_order_mark_blank_lines_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = "\n" + lines(RECORDS[:1]) + "\n  \n" + lines(RECORDS[1:]) + "\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    rows = read_rows(str(path))
    assert [row.values for row in rows] == RECORDS
    assert [row.place for row in rows] == [f"{path}, line 2", f"{path}, line 5"]
    path.with_suffix(".json").write_bytes(b"\xef\xbb\xbf" + json.dumps(RECORDS).encode())
    assert len(read_rows(str(path.with_suffix(".json")))) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"a": 1}\n\n{"a": 2\n', r"a\.jsonl, line 3: not JSON"),
        ("a.jsonl", '{"a": 1} {"a": 2}\n', r"a\.jsonl, line 1: not JSON"),
        ("a.json", '[{"a": 1},\n {"a" 2}]', r"a\.json, line 2: not JSON"),
        ("a.json", '[{"a": 1},\n', r"a\.json, line 2: not JSON"),
        ("a.jsonl", '{"a": 1}\n"text"\n', r"a\.jsonl, line 2: expected an object.*'text'"),
        ("a.json", '[{"a": 1}, 7]', r"a\.json, record 2: expected an object.*7"),
        ("a.jsonl", "", r"a\.jsonl holds no row"),
        ("a.jsonl", " \n\n", r"a\.jsonl holds no row"),
        ("a.json", "[]", r"a\.json holds no row"),
        ("a.parquet", "no parquet", r"a\.parquet is not a Parquet file"),
        ("a.doc", "a,b\n", r"a\.doc: expected a file ending in \.jsonl"),
    ],
)
def test_malformed_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read_rows(str(path))


def test_other_encodings_missing_files_and_folders(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes('{"a": "ö"}'.encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.jsonl is not UTF-8 text \(byte 7, line 1\)"):
        read_rows(str(path))
    for name in ("none.jsonl", "none.json", "none.parquet"):
        with pytest.raises(UserError, match=rf"{name} does not exist"):
            read_rows(str(tmp_path / name))
    with pytest.raises(UserError, match="is a folder"):
        read_rows(str(tmp_path))
    with pytest.raises(UserError, match=r"none\.json does not exist"):
        read_file(tmp_path / "none.json")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_is_neither_a_file_nor_on_the_hub_is_named() -> None:
    with pytest.raises(
        UserError, match="no-such-owner/no-such-set:x is neither a file, a folder nor"
    ):
        read_rows("no-such-owner/no-such-set:x")


def test_lines_of_text(tmp_path: Path) -> None:
    path = tmp_path / "refusals.txt"
    path.write_text("\ufeffI don't know.\n\n  No idea. \r\n", encoding="utf-8")
    assert read_lines(path) == ("I don't know.", "No idea.")
    path.write_text("\n \n")
    with pytest.raises(UserError, match=r"refusals\.txt is empty"):
        read_lines(path)
    with pytest.raises(UserError, match=r"none\.txt does not exist"):
        read_lines(tmp_path / "none.txt")


def test_a_text_file_is_one_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("The mill\n\nburnt.\n", encoding="utf-8")
    assert read_rows(str(path)) == [Row(str(path), {"text": "The mill\n\nburnt.\n"})]
    assert load_examples(str(path)) == (Example(None, "The mill\n\nburnt.\n"),)
    path.write_text(" \n")
    with pytest.raises(UserError, match=r"corpus.txt: 'text' is empty"):
        load_examples(str(path))


def test_texts_may_stand_in_a_list(tmp_path: Path) -> None:
    path = tmp_path / "texts.json"
    path.write_text('["a b", {"text": "c"}]')
    assert [row.values for row in read_texts(path)] == [{"text": "a b"}, {"text": "c"}]
    path.write_text('["a b", 3]')
    with pytest.raises(UserError, match=r"texts.json, record 2: expected an object"):
        read_texts(path)
