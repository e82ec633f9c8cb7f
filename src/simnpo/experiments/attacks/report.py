"""What an attack leaves: its table, `summary.json`, `report.html`, and what the terminal shows."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simnpo.evaluation.suites.display import Column
from simnpo.experiments.attacks.finding import HEADLINE, METRICS, Attacked, finding_of
from simnpo.experiments.attacks.outcomes import Outcome, by_metric, in_words, outcomes
from simnpo.report.finding_page import write_finding
from simnpo.report.numbers import compact, written
from simnpo.report.plain_text import upper_first
from simnpo.report.rendering import REPORT
from simnpo.report.stacking import print_stacked
from simnpo.storage.files import plain, write_json, write_table
from simnpo.storage.runs import versions
from simnpo.system.terminal import visible

SUMMARY = "summary.json"


def files(table: str) -> tuple[str, ...]:
    """Return what `write_attack` writes, `table` being the name of its Parquet file."""
    return (SUMMARY, table, REPORT, *(f"plots/{HEADLINE}.*", f"plots/{METRICS}*.*"))


def write_attack(
    attacked: Attacked,
    table: pd.DataFrame,
    path: Path,
    record: dict[str, Any],
    command: str,
) -> list[Outcome]:
    """Write the table, the page with its plots and, last, `summary.json`.

    Args:
        attacked: what to show.
        table: what to write at `path`.
        path: in the output folder.
        record: what `summary.json` says besides the outcomes.
        command: the command that made the report.

    Returns:
        The outcomes, see `simnpo.experiments.attacks.outcomes`.
    """
    found = outcomes(attacked.curve, attacked.endings, attacked.columns)
    write_table(path, table)
    write_finding(finding_of(attacked, found), path.parent, command)
    words = in_words(found, attacked.view)
    summary = {**record, "in_words": words, "outcomes": found, "versions": versions()}
    write_json(path.parent / SUMMARY, plain(summary))
    return found


def print_outcomes(
    attacked: Attacked, found: Sequence[Outcome], console: Console | None = None
) -> None:
    """Print a table per attack, metrics by rows and models by columns, and all in words."""
    console = console or Console()
    columns = attacked.columns
    for ending in attacked.endings:
        rows = by_metric(found, ending.title)
        models = [[model] for model in rows[columns[0].key]]
        make = partial(_table, ending.title, rows, columns)
        print_stacked(console, models, make)
    console.print("Before → after; over several seeds the mean.", style="dim", highlight=False)
    for sentence in in_words(found, attacked.view):
        console.print(visible(sentence), highlight=False, markup=False)


def _table(title: str, rows: Any, columns: Sequence[Column], models: list[str]) -> Table:
    table = Table(
        title=Text(visible(upper_first(title)), "table.title"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        show_edge=False,
    )
    table.add_column("Metric", min_width=20)
    for model in models:
        table.add_column(Text(visible(model)), justify="right", no_wrap=True)
    for column in columns:
        write = partial(written, kind="count") if column.kind == "count" else compact
        cells = [
            f"{write(one.before)} → {write(one.after.mean)}"
            for one in map(rows[column.key].get, models)
        ]
        table.add_row(Text(visible(column.name)), *cells)
    return table
