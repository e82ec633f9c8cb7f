"""The study's tables and claims in the terminal."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from simnpo.paper.markov.panels import PANELS
from simnpo.paper.markov.results import COLUMNS, Column, Results, Row
from simnpo.report.numbers import with_interval
from simnpo.report.stacking import print_stacked


def print_results(found: Results, console: Console | None = None) -> None:
    """Print each panel's table and the claims in the terminal."""
    console = console or Console()
    for panel, rows in found.tables.items():
        _print_table(f"{PANELS[panel].title} (--panel {panel})", rows, console)
    for panel, rows in found.grid.items():
        if rows:
            _print_table(f"Grid of betas, {panel}; * picked", rows, console)
    seeds = max(claim.difference.seeds for claim in found.claims) if found.claims else 0
    spread = " ± half the 95 % interval" if seeds > 1 else ""
    console.print(
        "Retain at: retain distance where forget quality on F1 (Forget1), F2 (Forget2), both, "
        f"first is Retrain's. Mean over seeds{spread}; a dash: not reached at every seed.",
        style="dim",
        highlight=False,
    )
    for claim in found.claims:
        console.print(
            f"Claim, {claim.panel}: {claim.text} {claim.verdict.capitalize()}: NPO "
            f"{with_interval(claim.npo)}, SimNPO {with_interval(claim.simnpo)}. {claim.why}",
            highlight=False,
        )


def _print_table(title: str, rows: Sequence[Row], console: Console) -> None:
    groups = [list(group) for _, group in groupby(COLUMNS, key=lambda column: column.group)]
    print_stacked(console, groups, partial(_table, title, rows))


def _table(title: str, rows: Sequence[Row], columns: Sequence[Column]) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    table.add_column("\nModel", min_width=17)
    table.add_column("\nbeta", justify="right")
    for column in columns:
        table.add_column(f"{column.group}\n{column.short}", justify="right", no_wrap=True)
    for row in rows:
        beta = "" if pd.isna(row.beta) else f"{row.beta:g}{'*' if row.picked else ''}"
        cells = (with_interval(row.values_of[column.key]) for column in columns)
        # Three means with intervals fit 80 columns only without what a reader can do without.
        short = [cell.replace(" ± ", "±").replace("0.", ".") for cell in cells]
        table.add_row(row.name, beta, *short)
    return table
