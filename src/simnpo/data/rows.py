"""Rows from a file or a hub dataset, each with the place it came from, for error messages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from simnpo.errors import UserError


class Row(NamedTuple):
    """One record and where it stands, e.g. `forget.jsonl, line 3`."""

    place: str
    values: dict[str, Any]


def read_rows(source: str) -> list[Row]:
    """Read all records of `source`.

    Args:
        source: a file (`.jsonl`, `.json` holding a list or one object a line, `.parquet`, `.txt`
            holding one text) or a hub dataset as `owner/name`, `owner/name:config` or
            `owner/name:config:split`.

    Raises:
        UserError: nothing is there, a line is malformed (file and line named), or there is no row.
    """
    path = Path(source)
    if path.is_file():
        rows = read_file(path)
    elif path.is_dir():
        raise UserError(f"{source} is a folder; give the file in it.")
    elif path.suffix and source.count("/") != 1:
        raise UserError(f"{source} does not exist (expected .jsonl, .json, .parquet or .txt).")
    elif path.suffix in {".json", ".jsonl", ".parquet", ".txt"}:
        raise UserError(f"{source} does not exist.")
    else:
        rows = list(_hub_rows(source))
    if not rows:
        raise UserError(f"{source} holds no row.")
    return rows


def read_file(path: Path) -> list[Row]:
    """Read the records of a local file; a `.txt` file is one record, with the column `text`.

    Raises:
        UserError: the file is of another kind, or malformed; the message names the line.
    """
    if path.suffix == ".parquet":
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is not a Parquet file: {error}") from None
        return [
            Row(f"{path}, row {number}", {str(key): value for key, value in record.items()})
            for number, record in enumerate(table.to_dict(orient="records"), 1)
        ]
    if path.suffix in {".json", ".jsonl"}:
        return [_row(place, record) for place, record in _json_records(path)]
    if path.suffix == ".txt":
        return [Row(str(path), {"text": _text(path)})]
    raise UserError(f"{path}: expected a file ending in .jsonl, .json, .parquet or .txt.")


def read_texts(path: Path) -> list[Row]:
    """Read plain texts, each as a row with the column `text`: as `read_file`, or a list of texts.

    Raises:
        UserError: see `read_file`.
    """
    if path.suffix not in {".json", ".jsonl"}:
        return read_file(path)
    return [
        Row(place, {"text": record}) if isinstance(record, str) else _row(place, record)
        for place, record in _json_records(path)
    ]


def read_lines(path: Path) -> tuple[str, ...]:
    """Read the non-empty lines of a text file, such as TOFU's refusals.

    Raises:
        UserError: the file is missing, not UTF-8, or empty.
    """
    lines = tuple(line.strip() for line in _text(path).splitlines() if line.strip())
    if not lines:
        raise UserError(f"{path} is empty.")
    return lines


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def _json_records(path: Path) -> Iterator[tuple[str, Any]]:
    text = _text(path)
    if text.lstrip().startswith("["):
        try:
            records = json.loads(text)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", 1)
            raise UserError(f"{path}, line {line}: not JSON ({_reason(error)}).") from None
        places = [f"{path}, record {n}" for n in range(1, len(records) + 1)]
    else:
        records, places = [], []
        # Not splitlines(): it also splits at characters that JSON allows within a string.
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                place = f"{path}, line {number}"
                try:
                    records.append(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise UserError(
                        f"{place}: not JSON ({_reason(error)}). A file holds one object a line, or "
                        "a list of them."
                    ) from None
                places.append(place)
    yield from zip(places, records, strict=True)


def _row(place: str, record: Any) -> Row:
    if not isinstance(record, dict):
        raise UserError(f"{place}: expected an object with named columns, got {record!r:.80}.")
    return Row(place, record)


def _reason(error: Exception) -> str:
    return getattr(error, "msg", None) or str(error)


def _hub_rows(source: str) -> Iterator[Row]:
    from datasets import load_dataset

    name, _, rest = source.partition(":")
    config, _, split = rest.partition(":")
    try:
        dataset = load_dataset(name, config or None, split=split or "train")
    except Exception as error:  # the hub client raises many kinds; all mean the same to a user
        raise UserError(
            f"{source} is neither a file nor a dataset that the hub gives "
            f"({type(error).__name__}: {error})"
        ) from None
    for number, record in enumerate(dataset, 1):
        yield Row(f"{source}, row {number}", dict(record))
