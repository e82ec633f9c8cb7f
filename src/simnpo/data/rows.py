"""Rows from a file, a folder or a hub dataset, each with its place, for error messages."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from simnpo.data.folders import folder_of, folder_records
from simnpo.data.records import csv_records, json_records
from simnpo.data.text_files import read_text
from simnpo.errors import UserError
from simnpo.storage.files import read_table

DELIMITED = {".csv": None, ".tsv": "\t"}
TEXT_KINDS = (".jsonl", ".json", *DELIMITED, ".txt")
"""Kinds of text files, each also as `.gz`."""
KINDS = (*TEXT_KINDS, ".parquet")
KINDS_NAMED = ".jsonl, .json, .csv, .tsv or .txt (also .gz), or .parquet"


class Row(NamedTuple):
    """One record and where it is, e.g. `forget.jsonl, line 3`."""

    place: str
    values: dict[str, object]


def read_rows(source: str) -> list[Row]:
    """Read all records of `source`.

    Args:
        source: a file (see `read_file`), a folder (see `folder_records`), or a hub dataset as
            `owner/name`, `owner/name:config` or `owner/name:config:split`.

    Raises:
        UserError: nothing is there, a record is malformed (file and line named), or there is no
            row.
    """
    path = Path(source)
    if path.exists() and not path.is_dir():
        rows = read_file(path)
    elif folder := folder_of(source):
        rows = [Row(place, values) for place, values in folder_records(*folder)]
    elif path.suffix and source.count("/") != 1:
        raise UserError(f"{source} does not exist (expected {KINDS_NAMED}, or a folder).")
    elif path.suffix.lower() in (*KINDS, ".gz"):
        raise UserError(f"{source} does not exist.")
    else:
        rows = list(_hub_rows(source))
    if not rows:
        raise UserError(f"{source} holds no row.")
    return rows


def read_file(path: Path) -> list[Row]:
    """Read the records of a local file, and its kind from its name.

    Args:
        path: `.jsonl` or `.json` (a list, or one object a line), `.csv` or `.tsv` (with a header),
            `.txt` (one text, in the column `text`), each of them also as `.gz`; or `.parquet`.

    Raises:
        UserError: the file is of another kind, or malformed; the message names the line.
    """
    kind = kind_of(path)
    if kind == ".parquet":
        table = read_table(path)
        return [
            Row(f"{path}, row {number}", {str(key): value for key, value in record.items()})
            for number, record in enumerate(table.to_dict(orient="records"), 1)
        ]
    if kind in {".json", ".jsonl"}:
        return [_row(place, record) for place, record in json_records(path)]
    if kind in DELIMITED:
        return [Row(place, dict(found)) for place, found in csv_records(path, DELIMITED[kind])]
    if kind == ".txt":
        return [Row(str(path), {"text": read_text(path)})]
    raise UserError(f"{path}: expected a file ending in {KINDS_NAMED}.")


def kind_of(path: Path) -> str:
    """Return the ending that names a file's kind: `.jsonl` for `a.jsonl`, `a.jsonl.gz`, `A.JSONL`.

    A Parquet file is compressed within, so `.parquet.gz` is not a kind.
    """
    kind = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    return inner if kind == ".gz" and inner in TEXT_KINDS else kind


def read_texts(path: Path) -> list[Row]:
    """Read plain texts, each as a row with the column `text`: as `read_file`, or a list of texts.

    Raises:
        UserError: see `read_file`.
    """
    if kind_of(path) not in {".json", ".jsonl"}:
        return read_file(path)
    return [
        Row(place, {"text": record}) if isinstance(record, str) else _row(place, record)
        for place, record in json_records(path)
    ]


def read_lines(path: Path) -> tuple[str, ...]:
    """Read the non-empty lines of a text file, such as TOFU's refusals.

    Raises:
        UserError: the file is missing, not UTF-8, or empty.
    """
    lines = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    if not lines:
        raise UserError(f"{path} is empty.")
    return lines


def _row(place: str, record: object) -> Row:
    if not isinstance(record, dict):
        raise UserError(f"{place}: expected an object with named columns, got {record!r:.80}.")
    return Row(place, record)


def _hub_rows(source: str) -> Iterator[Row]:
    from datasets import load_dataset

    name, _, rest = source.partition(":")
    config, _, split = rest.partition(":")
    try:
        dataset = load_dataset(name, config or None, split=split or "train")
    except Exception as error:  # the hub client raises many kinds; all mean the same to a user
        raise UserError(
            f"{source} is neither a file, a folder nor a dataset that the hub gives "
            f"({type(error).__name__}: {error})"
        ) from None
    for number, record in enumerate(dataset, 1):
        yield Row(f"{source}, row {number}", dict(record))
