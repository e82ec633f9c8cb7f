"""Metrics over a run's epochs: `history.jsonl`, a JSON object a line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from simnpo.data.records import json_records
from simnpo.errors import UserError
from simnpo.storage.files import write_text
from simnpo.storage.json_values import JsonObject

HISTORY = "history.jsonl"


def read_history(path: Path) -> list[JsonObject]:
    """Read the rows of a history; none where there is no file.

    Raises:
        UserError: it is no such file.
    """
    if not path.is_file():
        return []
    rows = []
    for place, record in json_records(path):
        if not isinstance(record, dict):
            raise UserError(f"{place}: expected an object, got {record!r:.80}.")
        rows.append(record)
    return rows


def write_history(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write all rows."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
