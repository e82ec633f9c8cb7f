"""A finding's tables next to the report: CSV for programs, Markdown and LaTeX for documents."""

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
KINDS = ("csv", "md", "tex")
"""Endings of the files that `write_table` writes."""
_RAISED = dict(zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True))
_LATEX = str.maketrans(
    {
        **{special: f"\\{special}" for special in "&%$#_{}"},
        **{raised: f"$^{{{digit}}}$" for raised, digit in _RAISED.items()},
        "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        "<": "$<$", ">": "$>$", "|": r"\textbar{}", "×": r"$\times$", "±": r"$\pm$",
        "−": "$-$", "–": "--", "—": "---", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    }
)  # fmt: skip
"""How LaTeX sets what it has no plain letter for."""
_MISSING = Interval(math.nan, math.nan, math.nan, 0)


class SourcedRow(NamedTuple):
    """A row of ours, or one of the paper's numbers."""

    name: str
    source: str
    values: Sequence[Interval | Cell]
    """What is shown in each of the table's columns."""
    numbers: Sequence[Interval]
    """The same as numbers."""
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
            [_number(row, key) for key in keys],
            row.order or row.name,
        )
        for source, rows in ((HERE, table.rows), (PAPER, paper))
        for row in rows
    ]


def _number(row: Row, key: str) -> Interval:
    if key in row.values or key not in row.written:
        return row.values.get(key, _MISSING)
    return _MISSING._replace(mean=row.written[key].value)


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
    """Write a table as `NAME.csv`, a line per cell, as `NAME.md`, and as `NAME.tex`."""
    for kind, form in zip(KINDS, (as_csv, as_markdown, as_latex), strict=True):
        write_text(folder / f"{name}.{kind}", form(table))


def as_csv(table: Table) -> str:
    """Return a line per row and column, in the table's order; what is missing is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["row", "source", "column", "mean", "low", "high", "seeds"])
    for row in sourced_rows(table):
        for column, value in zip(table.columns, row.numbers, strict=True):
            bounds = ["" if math.isnan(end) else repr(float(end)) for end in value[:3]]
            names = map(no_formula, (row.name, row.source, column.key))
            writer.writerow([*names, *bounds, value.seeds or ""])
    return stream.getvalue()


def as_markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown; groups stand in its columns' names."""
    lines = _lines(table)
    named = [f"{one.group}: {one.short}" if one.group else one.short for one in table.columns]
    lines[0] = ["", *named]
    lines.insert(1, ["---", *("---:" for _ in table.columns)])
    head, rule, *rows = ("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)
    return "\n".join([head, rule, *rows]) + "\n"


def as_latex(table: Table) -> str:
    """Return the table as a tabular with the rules of LaTeX's package booktabs."""
    lines = [list(map(_in_latex, line)) for line in _lines(table)]
    if table.groups:
        groups = table.groups.items()
        spans = [rf"\multicolumn{{{n}}}{{c}}{{{_in_latex(one)}}}" for one, n in groups]
        before = sum(not column.group for column in table.columns)
        lines.insert(0, [*[""] * (1 + before), *spans])
    head = len(lines) - len(sourced_rows(table))
    rows = [" & ".join(line) + r" \\" for line in lines]
    columns = "l" + "r" * len(table.columns)
    top = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *rows[:head], r"\midrule"]
    return "\n".join([*top, *rows[head:], r"\bottomrule", r"\end{tabular}", ""])


def _lines(table: Table) -> list[list[str]]:
    """Return the table's head and rows as texts."""
    lines = [["", *(column.short for column in table.columns)]]
    for row in sourced_rows(table):
        name = row.name if row.source == HERE else f"{row.name} ({row.source})"
        pairs = zip(row.values, table.columns, strict=True)
        shown = [cell(value, column) for value, column in pairs]
        lines.append([name, *(f"{one.mean} {one.spread}".strip() for one in shown)])
    return lines


def _in_latex(text: str) -> str:
    """Let a text stand in a LaTeX table; what LaTeX has no letter for is set as mathematics."""
    return harmless(" ".join(text.split())).translate(_LATEX)


def _escaped(text: str) -> str:
    """Let a text stand in a Markdown table: no cell ends early, no name becomes markup."""
    for special in "\\|*_`<[$":
        text = text.replace(special, f"\\{special}")
    return harmless(" ".join(text.split()))
