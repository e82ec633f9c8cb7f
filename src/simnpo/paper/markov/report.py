"""The study's tables, its HTML page and its `summary.json`."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from simnpo.evaluation.metrics.intervals import Interval, interval
from simnpo.methods.registry import METHODS
from simnpo.paper.markov import figures
from simnpo.paper.markov.distance import Distances
from simnpo.paper.markov.findings import Claim, Reached, at_paper_beta, claims, pick_betas, reached
from simnpo.paper.markov.panels import PANELS
from simnpo.paper.markov.runs import ORIGINAL, PATHS, RETRAIN
from simnpo.paper.markov.study import Study
from simnpo.report.colours import styles
from simnpo.report.drawing import KINDS
from simnpo.report.numbers import fixed, with_interval
from simnpo.report.rendering import REPORT, write_page
from simnpo.report.stacking import print_stacked
from simnpo.storage.files import plain, write_json, write_table
from simnpo.storage.runs import versions

SUMMARY = "summary.json"
FILES = (
    SUMMARY,
    PATHS,
    REPORT,
    *(f"plots/{name}.{kind}" for name in figures.PLOTS for kind in KINDS),
)
"""What `write_study` writes."""


class Column(NamedTuple):
    """A column of the study's table."""

    key: str
    """A field of `simnpo.paper.markov.findings.Reached`."""
    group: str
    short: str
    name: str


_AT, _END = "Retain at", "Final"
COLUMNS = (
    Column("retain_at_forget1", _AT, "F1", "Retain distance where Forget1 is as forgotten"),
    Column("retain_at_forget2", _AT, "F2", "Retain distance where Forget2 is as forgotten"),
    Column("retain_at_both", _AT, "both", "Retain distance where both are as forgotten"),
    Column("final_retain", _END, "retain", "Retain distance after the last iteration"),
    Column("final_forget1", _END, "F1", "Forget quality on Forget1 after the last iteration"),
    Column("final_forget2", _END, "F2", "Forget quality on Forget2 after the last iteration"),
)


class Row(NamedTuple):
    """A model's row in a panel's table."""

    name: str
    beta: float
    """NaN where there is none."""
    values_of: dict[str, Interval]
    """By a column's key; over the seeds."""
    seeds: dict[str, str]
    """By a column's key: each seed's value, as text."""
    picked: bool = False


class Results(NamedTuple):
    """All that the study says."""

    claims: list[Claim]
    tables: dict[str, list[Row]]
    """A panel's original, retrained and unlearned models, each method at the paper's beta."""
    grid: dict[str, list[Row]]
    """A panel's rows for every beta tried; empty without a grid."""
    each_seed: dict[str, list[Reached]]
    """A panel's unlearning runs, one by one."""


def results(paths: pd.DataFrame, study: Study) -> Results:
    """Compute all tables and claims from the paths."""
    table = reached(paths)
    picks = pick_betas(table)
    tables, grid, each_seed = {}, {}, {}
    for panel in study.panels:
        own = table[table["panel"] == panel]
        references = paths[paths["panel"] == panel]
        tables[panel] = [
            *(_reference(references[references["method"] == m]) for m in (ORIGINAL, RETRAIN)),
            *_rows(own[at_paper_beta(own)], {}),
        ]
        searched = own.groupby("method")["beta"].transform("nunique") > 1
        grid[panel] = _rows(own[searched].sort_values(["method", "beta"]), picks)
        each_seed[panel] = [Reached(*row) for row in own.itertuples(index=False, name=None)]
    return Results(claims(paths), tables, grid, each_seed)


def _rows(table: pd.DataFrame, picks: Mapping[tuple[str, str], float]) -> list[Row]:
    rows = []
    for _, own in table.groupby(["method", "beta"], sort=False, dropna=False):
        panel, method, beta = own[["panel", "method", "beta"]].iloc[0]
        picked = bool(picks.get((panel, method)) == beta)
        rows.append(Row(METHODS[method].title, float(beta), *_cells(own), picked))
    return rows


def _reference(own: pd.DataFrame) -> Row:
    """Return the row of the original or the retrained model: where it stands, no path."""
    final = own.rename(columns={name: f"final_{name}" for name in Distances._fields})
    return Row(str(own["method"].iloc[0]).title(), math.nan, *_cells(final))


def _cells(own: pd.DataFrame) -> tuple[dict[str, Interval], dict[str, str]]:
    """Return each column's interval over the seeds, and the seeds' values as text."""
    values = {c.key: list(own[c.key]) if c.key in own else [] for c in COLUMNS}
    texts = {
        key: ", ".join(
            f"seed {seed}: {fixed(value)}" for seed, value in zip(own["seed"], column, strict=True)
        )
        if column
        else ""
        for key, column in values.items()
    }
    return {key: interval(column) for key, column in values.items()}, texts


def write_study(
    paths: pd.DataFrame, study: Study, folder: Path, command: str, seconds: float
) -> Results:
    """Write `report.html`, its plots, `paths.parquet` and, last, `summary.json`."""
    write_table(folder / PATHS, paths)
    found = results(paths, study)
    names = [METHODS[method].title for method, _ in study.methods]
    looks = styles([ORIGINAL.title(), RETRAIN.title(), *dict.fromkeys(names)])
    shown, plots_folder = with_titles(paths[at_paper_beta(paths)]), folder / "plots"
    plots = {figures.CURVES: figures.draw_curves(shown, plots_folder, looks)}
    if {"NPO", "SimNPO"} & set(names):
        plots[figures.FIGURE_5] = figures.draw_figure_5(shown, plots_folder, looks)
    if any(found.grid.values()):
        tried = with_titles(reached(paths).dropna(subset="beta"))
        plots[figures.GRID] = figures.draw_grid(tried, plots_folder, looks)
    write_page(
        folder,
        "markov.html",
        looks,
        title="Unlearning a mixture of Markov chains",
        command=command,
        study=study,
        panels={panel: PANELS[panel] for panel in study.panels},
        results=found,
        columns=COLUMNS,
        titles={method: METHODS[method].title for method, _ in study.methods},
        plots=plots,
        took=seconds,
        versions=versions(),
    )
    write_json(folder / SUMMARY, _summary(found, study, seconds))
    return found


def with_titles(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with methods by title, instead of their keys."""
    titles = {key: method.title for key, method in METHODS.items() if key != RETRAIN}
    return table.assign(method=table["method"].replace(titles))


def _summary(found: Results, study: Study, seconds: float) -> dict[str, Any]:
    """Return the content of `summary.json`, with None instead of NaN."""
    summary: dict[str, Any] = plain(
        {
            "panels": study.panels,
            "seeds": study.seeds,
            "size": vars(study.size),
            "claims": found.claims,
            "tables": found.tables,
            "grid": found.grid,
            "each_seed": found.each_seed,
            "seconds": round(seconds, 1),
            "versions": versions(),
        }
    )
    return summary


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
