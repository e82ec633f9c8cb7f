"""Rows that a Python program has at hand: a file's name, dicts, texts, or examples themselves."""

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from typing import TypeAlias

from simnpo.data.examples import Example, examples_of, load_examples
from simnpo.data.rows import Row
from simnpo.errors import UserError

Rows: TypeAlias = str | PathLike[str] | Iterable[Mapping[str, object] | Example | str]
"""A file, a folder or a hub dataset by name; or dicts, as of a `datasets.Dataset`, texts, or
examples."""


def as_examples(rows: Rows, name: str, alternates: bool = False) -> tuple[Example, ...]:
    """Return the examples in rows.

    Args:
        rows: dicts have the columns that files may have; a column `topic` is each row's topic.
        name: what messages call them.
        alternates: whether a column `alternate` with a plausible other answer is wanted.

    Raises:
        UserError: see `simnpo.data.examples.load_examples`; a message names the row.
    """
    if isinstance(rows, str | PathLike):
        column = "alternate" if alternates else None
        return load_examples(fspath(rows), alternate_column=column)
    found = list(rows)
    if all(isinstance(one, Example) for one in found):
        return tuple(one for one in found if isinstance(one, Example))
    records = [
        Row(f"{name}[{number}]", row_values(name, number, one)) for number, one in enumerate(found)
    ]
    return examples_of(
        records,
        topic_column="topic" if "topic" in records[0].values else None,
        alternate_column="alternate" if alternates else None,
    )


def row_values(name: str, number: int, row: object) -> dict[str, object]:
    """Return a row's columns.

    Raises:
        UserError: it is neither a dict nor a text; the message names it.
    """
    if isinstance(row, str):
        return {"text": row}
    if isinstance(row, Mapping):
        return {str(key): value for key, value in row.items()}
    raise UserError(
        f"{name}[{number}] is a {type(row).__name__}; a row is a dict such as "
        "{'question': ..., 'answer': ...}, or a text."
    )
