"""The comparison of models: as a data frame, and in the terminal."""

from collections.abc import Callable, Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simnpo.report.numbers import compact, number
from simnpo.report.views import view_of
from simnpo.report.views.base import Column
from simnpo.scoring.evaluation import Evaluation

WIDTH = 100
"""Columns of the printed table at least: a narrower terminal wraps it, rather than lose names."""


def comparison(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """One row per model in the order given, one column per metric; NaN where there is none."""
    keys = [column.key for column in view_of(evaluations).columns]
    rows = [
        [number(evaluation.summary["metrics"].get(key)) for key in keys]
        for evaluation in evaluations
    ]
    names = pd.Index([evaluation.name for evaluation in evaluations], name="model")
    return pd.DataFrame(rows, index=names, columns=keys, dtype=float)


def cell(evaluation: Evaluation, column: Column, write: Callable[[float], str]) -> str:
    """Return a metric as text: a count as `2 of 30`, anything else as `write` has it."""
    counts = evaluation.summary.get("counts") or {}
    if column.form == "count" and column.key in counts:
        count, total = counts[column.key]
        return f"{count} of {total}"
    return write(number(evaluation.summary["metrics"].get(column.key)))


def print_table(evaluations: Sequence[Evaluation], console: Console | None = None) -> None:
    """Print the comparison; TOFU's fits 100 columns with names of up to 16 characters."""
    console = console or Console(width=max(WIDTH, Console().width))
    view = view_of(evaluations)
    shown = [column for column in view.columns if column.printed]
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("\nModel", overflow="fold", min_width=14, max_width=24)
    previous = ""
    for column in shown:
        group = view.short_groups.get(column.group, column.group.split()[0].lower())
        table.add_column(
            f"{'' if group == previous else group}\n{column.short}", justify="right", no_wrap=True
        )
        previous = group
    for one in evaluations:
        table.add_row(escape(one.name), *(cell(one, column, compact) for column in shown))
    console.print(table)
    console.print(" ".join(view.caption(evaluations)), style="dim", markup=False, highlight=False)
