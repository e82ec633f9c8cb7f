"""What an attack leaves: its table, `summary.json`, `report.html`, and what the terminal shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simnpo.evaluation.suites.display import Column, SuiteDisplay
from simnpo.experiments.attacks.outcomes import (
    Ending,
    Outcome,
    by_metric,
    in_words,
    outcomes,
    with_range,
)
from simnpo.report.colours import is_retrain, styles
from simnpo.report.curves import (
    Panel,
    Steps,
    draw_curves,
    every_metric,
    headline,
    shown_columns,
)
from simnpo.report.numbers import compact, written
from simnpo.report.rendering import REPORT, write_page
from simnpo.report.stacking import print_stacked
from simnpo.storage.files import plain, write_json, write_table
from simnpo.storage.runs import versions
from simnpo.system.terminal import visible

SUMMARY = "summary.json"
HEADLINE, METRICS = "headline", "metrics"


@dataclass(frozen=True)
class Attacked:
    """What was done, and what came of it."""

    title: str
    lead: str
    """What was done, in a sentence or two."""
    notes: tuple[str, ...]
    """How it was done, and what else a reader must know."""
    facts: dict[str, str]
    """What stands at the page's head."""
    curve: pd.DataFrame
    """See `simnpo.report.curves.COLUMNS`."""
    endings: tuple[Ending, ...]
    steps: Steps
    view: SuiteDisplay


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
    folder, curve, view = path.parent, attacked.curve, attacked.view
    columns = shown_columns(view, curve)
    found = outcomes(curve, attacked.endings, columns)
    sentences = in_words(found, view)
    looks = styles([str(name) for name in curve["model"].unique()])
    series = [str(one) for one in curve["series"].unique()]
    missing = [c.name for c in view.columns if c.printed and c not in columns]
    heads = headline(view, curve)
    write_table(path, table)

    def drawn(name: str, panels: list[Panel], across: int) -> Any:
        return draw_curves(folder / "plots", name, curve, panels, attacked.steps, looks, across)

    write_page(
        folder,
        "attack.html",
        looks,
        title=attacked.title,
        command=command,
        attacked=attacked,
        sentences=sentences,
        has_retrain=any(map(is_retrain, looks)),
        several=curve["seed"].nunique() > 1,
        columns=columns,
        missing=missing,
        tables={ending.title: by_metric(found, ending.title) for ending in attacked.endings},
        headline=drawn(HEADLINE, heads, min(2, len(heads))) if heads else None,
        metrics={
            one: drawn(f"{METRICS}-{one}" if one else METRICS, every_metric(columns, one), 4)
            for one in series
        },
        with_range=with_range,
        versions=versions(),
    )
    summary = {**record, "in_words": sentences, "outcomes": found, "versions": versions()}
    write_json(folder / SUMMARY, plain(summary))
    return found


def print_outcomes(
    attacked: Attacked, found: Sequence[Outcome], console: Console | None = None
) -> None:
    """Print a table per attack, metrics by rows and models by columns, and all in words."""
    console = console or Console()
    columns = shown_columns(attacked.view, attacked.curve)
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
        title=Text(visible(title[:1].upper() + title[1:]), "table.title"),
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
