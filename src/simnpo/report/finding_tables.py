"""A finding's tables next to the report: CSV for programs, Markdown for documents."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.report.finding import Cell, Column, Row, Table
from simnpo.report.numbers import written
from simnpo.report.spreadsheets import no_formula
from simnpo.storage.files import write_text
from simnpo.system.terminal import harmless

HERE, PAPER = "here", "paper, 7B"
"""Where a row's numbers come from."""
KINDS = ("csv", "md")
"""Endings of the files that `write_table` writes."""
_MISSING = Interval(math.nan, math.nan, math.nan, 0)


class SourcedRow(NamedTuple):
    """A row of ours, or one of the paper's numbers."""

    name: str
    source: str
    values: Sequence[Interval | Cell]
    """A value for each of the table's columns."""
    order: str
    """What it is sorted by."""


def sourced_rows(table: Table) -> list[SourcedRow]:
    """Return our rows in their order, then the paper's, which are means without an interval."""
    keys = [column.key for column in table.columns]
    paper = [
        Row(name, {key: Interval(value, math.nan, math.nan, 0) for key, value in values.items()})
        for name, values in table.paper.items()
    ]
    return [
        SourcedRow(
            row.name,
            source,
            [row.written.get(key) or row.values.get(key, _MISSING) for key in keys],
            row.order or row.name,
        )
        for source, rows in ((HERE, table.rows), (PAPER, paper))
        for row in rows
    ]


def cell(value: Interval | Cell, column: Column) -> Cell:
    """Write a value in its column's form, if it is not written yet."""
    if isinstance(value, Cell):
        return value
    mean, low, high = (written(one, column.kind) for one in value[:3])
    if math.isnan(value.mean):
        return Cell(math.nan, mean, "", f"{column.name}: missing")
    full = f"{column.name}: {mean}"
    if math.isnan(value.high):
        return Cell(value.mean, mean, "", full)
    spread = f"± {written(value.high - value.mean, column.kind)}"
    full += f", 95 % interval {low} to {high} over {value.seeds} seeds"
    return Cell(value.mean, mean, spread, full)


def write_table(folder: Path, name: str, table: Table) -> None:
    """Write a table as `NAME.csv`, a line per cell, and as `NAME.md`."""
    write_text(folder / f"{name}.csv", as_csv(table))
    write_text(folder / f"{name}.md", as_markdown(table))


def as_csv(table: Table) -> str:
    """Return a line per row and column, in the table's order; what is missing is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["row", "source", "column", "mean", "low", "high", "seeds"])
    for row in sourced_rows(table):
        for column, one in zip(table.columns, row.values, strict=True):
            value = one if isinstance(one, Interval) else _MISSING._replace(mean=one.value)
            bounds = ["" if math.isnan(end) else repr(float(end)) for end in value[:3]]
            names = map(no_formula, (row.name, row.source, column.key))
            writer.writerow([*names, *bounds, value.seeds or ""])
    return stream.getvalue()


def as_markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown."""
    lines = [["", *(column.short for column in table.columns)]]
    for row in sourced_rows(table):
        name = row.name if row.source == HERE else f"{row.name} ({row.source})"
        pairs = zip(row.values, table.columns, strict=True)
        shown = [cell(value, column) for value, column in pairs]
        lines.append([name, *(f"{one.mean} {one.spread}".strip() for one in shown)])
    lines.insert(1, ["---", *("---:" for _ in table.columns)])
    head, rule, *rows = ("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)
    return "\n".join([head, rule, *rows]) + "\n"


def _escaped(text: str) -> str:
    """Let a text stand in a Markdown table: no cell ends early, no name becomes markup."""
    for special in "\\|*_`<[$":
        text = text.replace(special, f"\\{special}")
    return harmless(" ".join(text.split()))
