"""The records of JSON and CSV files, each with its place."""

import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from simnpo.data.text_files import read_text
from simnpo.errors import UserError

DELIMITERS = ",;\t"
"""What separates the columns of a CSV file: spreadsheets write `;` where `,` is in numbers."""
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_LONGEST = min(sys.maxsize, 2**31 - 1)  # a long of C's, of 32 bits on Windows


def json_records(path: Path) -> Iterator[tuple[str, object]]:
    """Yield place and value of each record: of a list, or of one a line.

    Raises:
        UserError: the file is not JSON; the message names the line.
    """
    text = read_text(path)
    if text.lstrip().startswith("["):
        try:
            records = json.loads(text, object_pairs_hook=_object)
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
                    records.append(json.loads(line, object_pairs_hook=_object))
                except (ValueError, RecursionError) as error:
                    raise UserError(
                        f"{place}: not JSON ({_reason(error)}). A file holds one object a line, or "
                        "a list of them."
                    ) from None
                places.append(place)
    if _HALF.search(text):
        for place, record in zip(places, records, strict=True):
            _check_characters(place, record)
    yield from zip(places, records, strict=True)


def csv_records(path: Path, delimiter: str | None = None) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield place and values of each record; the first line holds the columns' names.

    Args:
        path: the file.
        delimiter: what separates columns; None takes the first of `DELIMITERS` in the header.

    Raises:
        UserError: a record has more or fewer fields than the header, a quote is not closed, or two
            columns have one name; the message names the line.
    """
    text = read_text(path)
    csv.field_size_limit(_LONGEST)  # a text may be longer than the module's 128 KiB
    if delimiter is None:
        header = text.lstrip("\n").partition("\n")[0]
        fields = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in DELIMITERS}
        delimiter = next((mark for mark in DELIMITERS if fields[mark] > 1), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    begin = 1
    try:
        for fields_read in reader:
            place, begin = f"{path}, line {begin}", reader.line_num + 1
            if not fields_read:  # a blank line
                continue
            if not columns:
                columns = fields_read
                _check_names(place, columns)
                continue
            if len(fields_read) != len(columns):
                raise UserError(
                    f"{place}: {len(fields_read)} fields, and the header has {len(columns)}. "
                    f"Quote a field that contains {delimiter!r}, a quote or a line end."
                )
            yield place, dict(zip(columns, fields_read, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}, line {begin}: not CSV ({error}).") from None


def _check_characters(place: str, record: object) -> None:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise UserError(
            f"{place}: holds {half}, half of a character (a lone surrogate), which is not valid "
            "text; remove it."
        ) from None


def _check_names(place: str, columns: list[str]) -> None:
    for name, count in Counter(columns).items():
        if name and count > 1:  # spreadsheets leave empty columns without a name
            raise UserError(f"{place}: two columns are named {name!r}; rename one.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object, of which two values may not have one name: one of them would be lost.

    Raises:
        ValueError: they have.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise ValueError(f"two values are named {names.most_common(1)[0][0]!r:.80}; remove one")
    return made


def _reason(error: Exception) -> str:
    return getattr(error, "msg", None) or str(error)
