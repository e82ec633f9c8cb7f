"""What the study says in numbers: claims, each panel's table, the grid of betas."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from simnpo.evaluation.metrics.intervals import Interval, interval
from simnpo.methods.registry import METHODS
from simnpo.paper.markov.distance import Distances
from simnpo.paper.markov.findings import Claim, Reached, at_paper_beta, claims, pick_betas, reached
from simnpo.paper.markov.runs import ORIGINAL, RETRAIN
from simnpo.paper.markov.study import Study


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


def with_titles(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with methods by title, instead of their keys."""
    titles = {key: method.title for key, method in METHODS.items() if key != RETRAIN}
    return table.assign(method=table["method"].replace(titles))


def _rows(table: pd.DataFrame, picks: Mapping[tuple[str, str], float]) -> list[Row]:
    rows = []
    for _, own in table.groupby(["method", "beta"], sort=False, dropna=False):
        panel, method, beta = own[["panel", "method", "beta"]].iloc[0]
        picked = bool(picks.get((panel, method)) == beta)
        rows.append(Row(METHODS[method].title, float(beta), _values(own), picked))
    return rows


def _reference(own: pd.DataFrame) -> Row:
    """Return the row of the original or the retrained model: where it stands, no path."""
    final = own.rename(columns={name: f"final_{name}" for name in Distances._fields})
    return Row(str(own["method"].iloc[0]).title(), math.nan, _values(final))


def _values(own: pd.DataFrame) -> dict[str, Interval]:
    """Return each column's interval over the seeds."""
    return {c.key: interval(list(own[c.key]) if c.key in own else []) for c in COLUMNS}
