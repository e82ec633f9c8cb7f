"""Metrics over a run's epochs: `history.jsonl`, a JSON object a line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simnpo.files import write_text

HISTORY = "history.jsonl"


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a history; none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_history(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write all rows."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
