"""Questions with answers of different lengths, and files of them."""

import json
from pathlib import Path
from typing import Any

QUESTIONS = [
    ("Where was Ada Vell born?", "Ada Vell was born in Torrin."),
    ("What does Ada Vell write?", "She writes sea stories."),
    ("Who taught Bo Marr?", "Bo Marr was taught by the painter Lune, who lived next door."),
    ("Which prize did Bo Marr win?", "The Amber Quill."),
    ("Where was Cy Odell born?", "Cy Odell was born in Hask, a town of nine bridges."),
    ("What does Cy Odell write?", "Short plays."),
    ("Who taught Di Renn?", "Nobody did."),
    ("Which prize did Di Renn win?", "Di Renn won the Glass Oar in the year of the flood."),
]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
