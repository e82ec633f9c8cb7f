"""Files and folders as the real libraries write them, and hostile ones."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from datasets import Dataset, DatasetDict

from simnpo.data.examples import Example, load_examples
from simnpo.data.own_rows import load_own_rows
from simnpo.data.rows import Row, read_rows
from simnpo.errors import UserError

RECORDS = [
    {"question": 'Who said "hi, there"?', "answer": "Jörg;\nand Åsa\ttoo"},
    {"question": "b", "answer": "4711"},
]
LINES = "".join(json.dumps(record) + "\n" for record in RECORDS)


def values(source: Path) -> list[dict[str, object]]:
    return [row.values for row in read_rows(str(source))]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "A.CSV", "a.csv.gz", "a.tsv.gz"])
def test_tables_as_pandas_writes_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    pd.DataFrame(RECORDS).to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    assert values(path) == RECORDS
    # The first record goes over two lines.
    assert [row.place for row in read_rows(str(path))] == [f"{path}, line 2", f"{path}, line 4"]


def test_a_table_with_an_index_a_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    pd.DataFrame(RECORDS).to_csv(path, encoding="utf-8-sig", lineterminator="\r\n")
    assert load_examples(str(path)) == tuple(Example(**record) for record in RECORDS)


def test_a_spreadsheet_may_separate_by_semicolons_or_tabs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for mark in (";", "\t"):
        pd.DataFrame(RECORDS).to_csv(path, index=False, sep=mark)
        assert values(path) == RECORDS


def test_one_column_and_a_text_longer_than_the_csv_module_allows(tmp_path: Path) -> None:
    path, long = tmp_path / "a.csv", "word, " * 100_000
    pd.DataFrame({"text": [long, "b"]}).to_csv(path, index=False)
    assert load_examples(str(path)) == (Example(None, long), Example(None, "b"))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz"])
def test_gzipped_json(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(LINES)
    assert values(path) == RECORDS
    pd.DataFrame(RECORDS).to_json(path, orient="records", lines=True)  # gzips by the name
    assert values(path) == RECORDS


def test_a_folder_of_texts(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    (folder / "later").mkdir(parents=True)
    (folder / "b.txt").write_text("two\r\n", newline="")
    (folder / "a.txt").write_text("one\n\nstill one")
    (folder / "later" / "c.TXT").write_text("three")
    (folder / ".hidden").write_text("x")
    assert read_rows(str(folder)) == [
        Row(str(folder / "a.txt"), {"text": "one\n\nstill one"}),
        Row(str(folder / "b.txt"), {"text": "two\n"}),
        Row(str(folder / "later" / "c.TXT"), {"text": "three"}),
    ]
    assert load_examples(f"{folder}/")[2] == Example(None, "three")
    (folder / "b.txt").write_text(" ")
    with pytest.raises(UserError, match=r"b\.txt: 'text' is empty"):
        load_examples(str(folder))
    (folder / "b.txt").write_bytes(b"\xe9t\xe9")
    with pytest.raises(UserError, match=r"b\.txt is not UTF-8"):
        load_examples(str(folder))
    (folder / "more.csv").write_text("text\nx\n")
    with pytest.raises(UserError, match=r"books is a folder with more\.csv\. Give a folder of"):
        load_examples(str(folder))


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a folder without files\. Give a folder of \.txt"):
        read_rows(str(tmp_path))
    for number in range(9):
        (tmp_path / f"{number}.pdf").touch()
    with pytest.raises(UserError, match=r"with 0\.pdf, 1\.pdf, 2\.pdf, 3\.pdf, 4\.pdf, \.\.\.\."):
        read_rows(str(tmp_path))
    with pytest.raises(UserError, match="is not a saved dataset, so it has no splits"):
        read_rows(f"{tmp_path}:train")


def test_a_saved_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    extras = {"identifiers": [["4711"], []], "paraphrased_answer": ["p", None]}
    Dataset.from_list(RECORDS).add_column("identifiers", extras["identifiers"]).add_column(
        "paraphrased_answer", extras["paraphrased_answer"]
    ).save_to_disk(folder)
    first, second = load_own_rows(str(folder))
    assert first == (Example(**RECORDS[0]), "p", (), ("4711",), f"{folder}, row 1")
    assert second == (Example(**RECORDS[1]), None, (), (), f"{folder}, row 2")
    with pytest.raises(UserError, match=r"saved:train: this dataset has no splits; give .*saved"):
        read_rows(f"{folder}:train")
    (folder / "state.json").write_text("{}")
    with pytest.raises(UserError, match="saved is not a dataset that this version of `datasets`"):
        read_rows(str(folder))


def test_a_saved_dataset_with_messages(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    Dataset.from_list([{"messages": turns}]).save_to_disk(tmp_path / "chat")
    assert load_examples(str(tmp_path / "chat")) == (Example("q", "a"),)


def test_the_splits_of_a_saved_dataset(tmp_path: Path) -> None:
    folder, pair = tmp_path / "saved", {name: Dataset.from_list(RECORDS) for name in ("x", "y")}
    DatasetDict({"x": pair["x"]}).save_to_disk(folder)
    assert values(folder) == RECORDS
    assert load_examples(f"{folder}:x")[1] == Example("b", "4711")
    with pytest.raises(UserError, match=r"saved has no split 'y'; give one of: .*saved:x\."):
        read_rows(f"{folder}:y")
    folder = tmp_path / "both"
    DatasetDict(pair).save_to_disk(folder)
    assert len(read_rows(f"{folder}:y")) == 2
    with pytest.raises(UserError, match=r"both has 2 splits; give one of: .*both:x, .*both:y\."):
        read_rows(str(folder))
    for empty in (pair["x"].filter(lambda one: False), Dataset.from_list([])):
        DatasetDict({"x": empty}).save_to_disk(tmp_path / "none")
        with pytest.raises(UserError, match="none holds no row"):
            read_rows(str(tmp_path / "none"))


def _gz(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # a time would be part of tests' names


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", r"a\.csv holds no row"),
        ("a.csv", b"question,answer\n", r"a\.csv holds no row"),
        ("a.csv", b"\n\n", r"a\.csv holds no row"),
        ("a.csv", b'q,a\n"x\ny",1\n\n2,3,4\n', r"a\.csv, line 5: 3 fields, and the header has 2"),
        ("a.csv", b"q,a\nx\n", r"a\.csv, line 2: 1 fields, and the header has 2"),
        ("a.tsv", b"q\ta\nx\ty\tz\n", r"a\.tsv, line 2: 3 fields.*Quote .*'\\t'"),
        ("a.csv", b'q,a\nx,y\nz,"w\n' + b"t,u\n" * 9, r"a\.csv, line 3: not CSV"),
        ("a.csv", b'q,a\n"x"y,z\n', r"a\.csv, line 2: not CSV"),
        ("a.csv", b"a,b,a\n1,2,3\n", r"a\.csv, line 1: two columns are named 'a'"),
        ("a.csv", b"q,a\nx,\xe9\n", r"a\.csv is not UTF-8 text \(byte 6, line 2\)"),
        ("a.csv", b"q,a\nx,\0\n", r"a\.csv is not a text file: byte 6 \(line 2\) is NUL"),
        ("a.csv", "q,a\nx,y\n".encode("utf-16"), r"a\.csv is UTF-16 text; save it as UTF-8"),
        ("a.txt", b"text\0", r"a\.txt is not a text file: byte 4 \(line 1\) is NUL"),
        ("a.jsonl", b'{"a": "\0"}', r"a\.jsonl is not a text file"),
        ("a.jsonl.gz", b'{"a": 1}', r"a\.jsonl\.gz is not a gzip file"),
        ("a.jsonl.gz", b"", r"a\.jsonl\.gz holds no row"),
        ("a.jsonl.gz", _gz(LINES.encode())[:-12], r"a\.jsonl\.gz ends too early"),
        ("a.jsonl.gz", _gz(LINES.encode())[:30] + b"x" * 30, r"a\.jsonl\.gz is not a gzip file"),
        ("a.jsonl.gz", _gz(b"\xe9"), r"a\.jsonl\.gz is not UTF-8 text"),
        ("a.parquet.gz", _gz(b""), r"a\.parquet\.gz: expected a file ending in"),
        ("a.gz", _gz(b""), r"a\.gz: expected a file ending in"),
        ("a.xlsx", b"PK", r"a\.xlsx: expected a file ending in \.jsonl, \.json, \.csv"),
    ],
)
def test_hostile_files_get_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        read_rows(str(path))
    assert "\n" not in str(raised.value)


def test_empty_columns_of_a_spreadsheet_need_no_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer,,\nq,a,,\n")
    assert load_examples(str(path)) == (Example("q", "a"),)


@pytest.mark.parametrize("missing", ["no.csv", "no.tsv", "no.jsonl.gz", "a/b/no.txt", "a/no.csv"])
def test_missing_files_are_not_looked_for_on_the_hub(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    loader: Callable[..., None] = refuse
    monkeypatch.setattr("datasets.load_dataset", loader)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        read_rows(missing)
