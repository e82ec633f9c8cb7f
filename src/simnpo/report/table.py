"""The comparison of models: as a data frame, and in the terminal."""

from collections.abc import Callable, Sequence
from itertools import groupby

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simnpo.evaluation.evaluation import Evaluation, computed_in
from simnpo.evaluation.suites import display_of
from simnpo.evaluation.suites.display import Column
from simnpo.report.numbers import compact, fixed, number
from simnpo.report.stacking import print_stacked
from simnpo.system.terminal import visible

NARROW, WIDE = 14, 24
"""Columns that a model's name takes: it is folded into them where there is no room for more."""


def comparison(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """One row per model in the order given, one column per metric; NaN where there is none."""
    keys = [column.key for column in display_of(evaluations).columns]
    rows = [
        [number(evaluation.summary["metrics"].get(key)) for key in keys]
        for evaluation in evaluations
    ]
    names = pd.Index([evaluation.name for evaluation in evaluations], name="model")
    return pd.DataFrame(rows, index=names, columns=keys, dtype=float)


def cell(evaluation: Evaluation, column: Column, write: Callable[[float], str]) -> str:
    """Return a metric as text: a count as `2 of 30`, anything else as `write` has it."""
    counts = evaluation.summary.get("counts") or {}
    if column.kind == "count" and column.key in counts:
        count, total = counts[column.key]
        return f"{count} of {total}"
    return write(number(evaluation.summary["metrics"].get(column.key)))


def bounds(evaluation: Evaluation, key: str) -> str:
    """Return a metric's 95 % interval as text, `0.50–0.75`; empty where it has none."""
    ends = (evaluation.summary.get("intervals") or {}).get(key, ())
    return "–".join(fixed(end, 2) for end in ends)


def print_table(
    evaluations: Sequence[Evaluation],
    console: Console | None = None,
    explain: bool | None = None,
) -> None:
    """Print the comparison, below each other in as many tables as the terminal's width takes.

    Args:
        evaluations: of one suite.
        console: where to; None takes standard output.
        explain: whether the columns are explained at length; None where the user has no option
            that asks for it.
    """
    console = console or Console()
    view = display_of(evaluations)
    shown = [column for column in view.columns if column.printed]
    groups = [list(group) for _, group in groupby(shown, key=lambda column: column.group)]
    print_stacked(console, groups, lambda columns: _table(evaluations, columns))
    if explain:
        lines = view.caption(evaluations)
    else:
        lines = [view.legend + ("" if explain is None else " (--explain)")]
    for line in [*lines, precision_line(evaluations)]:
        if line:
            console.print(visible(line.strip()), style="dim", markup=False, highlight=False)


def precision_line(evaluations: Sequence[Evaluation]) -> str:
    """Say what the models were computed in; each of them where they differ.

    Empty where no evaluation says so, as an official log does not.
    """
    known = {one.name: precision for one in evaluations if (precision := computed_in(one.summary))}
    if len(set(known.values())) <= 1:
        return "".join(f"Precision: {one}." for one in {*known.values()})
    each = ", ".join(f"{name} {precision}" for name, precision in known.items())
    return f"Precision: {each}. Rounding is part of the difference between them."


def _table(evaluations: Sequence[Evaluation], columns: Sequence[Column]) -> Table:
    view = display_of(evaluations)
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("\nModel", overflow="fold", min_width=NARROW, max_width=WIDE)
    previous = ""
    for column in columns:
        group = view.short_groups.get(column.group, column.group.split()[0].lower())
        texts = [cell(one, column, compact) for one in evaluations]
        table.add_column(
            Text(f"{'' if group == previous else visible(group)}\n{visible(column.short)}"),
            justify="right",
            no_wrap=True,
            min_width=max(map(len, texts)),  # a count such as 2 of 30 would count as narrower
        )
        previous = group
    for one in evaluations:
        table.add_row(Text(visible(one.name)), *(cell(one, column, compact) for column in columns))
    return table
