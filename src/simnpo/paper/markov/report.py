"""The study's report: what it finds as tables, figures and claims, and the files of its command."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import pandas as pd

from simnpo.evaluation.metrics.intervals import Interval, interval
from simnpo.methods.registry import METHODS
from simnpo.paper.markdown import write_markdown
from simnpo.paper.markov.distance import Distances
from simnpo.paper.markov.figures import curves_figure, grid_figure, paths_figure
from simnpo.paper.markov.findings import Reached, at_paper_beta, reached
from simnpo.paper.markov.panels import PANELS
from simnpo.paper.markov.results import COLUMNS, Results, results, with_titles
from simnpo.paper.markov.results import Row as ModelRow
from simnpo.paper.markov.runs import ORIGINAL, PATHS, RETRAIN
from simnpo.paper.markov.study import Study
from simnpo.paper.report import Shown, files, write_reproduction
from simnpo.paper.studies import ARTEFACTS
from simnpo.report.drawing import KINDS
from simnpo.report.finding import Claim, Column, Finding, Row, Table, Verdict
from simnpo.report.numbers import seconds as duration
from simnpo.report.numbers import with_interval
from simnpo.storage.files import plain, write_json, write_table
from simnpo.storage.json_values import Json, JsonObject
from simnpo.storage.runs import versions

FIG5 = "fig5"
"""The study's name among the paper's artefacts, and in the names of its files."""
SHOWS = (
    "NPO pays a higher retain distance than SimNPO for short sequences, and over-forgets what was "
    "never learnt."
)
SUMMARY = "summary.json"
_EARLIER = [f"plots/{name}.{kind}" for name in ("figure_5", "curves", "grid") for kind in KINDS]
"""What earlier versions called their plots."""
FILES = (SUMMARY, PATHS, *files((FIG5,)), *_EARLIER)
"""Patterns of what `write_study` writes."""
DISTANCES = (
    "Distances are mean KL divergences over tokens from the true transition rows. Retain at: the "
    "retain distance where a path first reaches Retrain's forget quality; a dash where it does not "
    "at every seed."
)
_LEAD = (
    "A GPT-2 has learnt three Markov chains, each at home in three of ten states: Retain, Forget1 "
    "and Forget2. It is made to forget the last two. Distance is the mean KL divergence from a "
    "chain's true transitions to the model's predictions, on the chain's test sequences: low is "
    "good on Retain (retain distance), high on Forget1 and Forget2 (forget quality). Retrain, "
    "which saw the retain chain alone, says how high is enough. The paper: arXiv 2410.07163, "
    "section 5 and appendix H."
)
_SEED = Column("seed", "Seed", "Seed of every random choice", "plain")
_COLUMNS = (
    Column("beta", "β", "The method's beta", "plain"),
    *(Column(one.key, f"{one.group} {one.short}", one.name) for one in COLUMNS),
)


def finding(found: Results, paths: pd.DataFrame, study: Study) -> Finding:
    """Return all that the command shows: each seed too, and the grid of betas if there is one."""
    shown = with_titles(paths[at_paper_beta(paths)])
    figures, tables = [curves_figure(shown)], list[Table]()
    if {"NPO", "SimNPO"} & set(shown["method"]):
        figures.insert(0, paths_figure(shown))
    for table in panel_tables(found):
        tables += [table, _each_seed(table.name, found.each_seed[table.name], paths)]
    if any(found.grid.values()):
        figures.append(grid_figure(with_titles(reached(paths).dropna(subset="beta"))))
    for panel, rows in found.grid.items():
        picked = ", ".join(f"{row.name} {row.beta:g}" for row in rows if row.picked)
        title = f"Grid of betas, {PANELS[panel].title}" + (f"; picked: {picked}" if picked else "")
        tables += [_table(f"{panel}-grid", title, rows)] if rows else []
    claims = verdicts(found, with_interval)
    return Finding(tuple(tables), tuple(figures), claims, notes=_notes(found, study))


def panel_tables(found: Results) -> tuple[Table, ...]:
    """Return each panel's table, named by the panel."""
    return tuple(_table(panel, PANELS[panel].title, rows) for panel, rows in found.tables.items())


def verdicts(found: Results, written: Callable[[Interval], str]) -> tuple[Claim, ...]:
    """Return the claims with their verdicts, NPO's and SimNPO's values `written`."""
    return tuple(
        Claim(
            one.text,
            cast(Verdict, one.verdict),
            f"NPO {written(one.npo)}, SimNPO {written(one.simnpo)}. {one.why}",
        )
        for one in found.claims
    )


def _table(name: str, title: str, rows: Sequence[ModelRow]) -> Table:
    values = [Row(row.name, {"beta": interval([row.beta]), **row.values_of}) for row in rows]
    return Table(name, title, _COLUMNS, tuple(values))


def _each_seed(panel: str, runs: Sequence[Reached], paths: pd.DataFrame) -> Table:
    """Return a row for every run, also of the original and the retrained model."""
    here = paths[(paths["panel"] == panel) & paths["method"].isin([ORIGINAL, RETRAIN])]
    final = {key: f"final_{key}" for key in Distances._fields}
    rows = [
        _row(str(one["method"]).title(), {str(key): value for key, value in one.items()})
        for one in here.drop(columns="beta").rename(columns=final).to_dict("records")
    ]
    rows += [_row(METHODS[run.method].title, run._asdict()) for run in runs]
    title = f"{PANELS[panel].title}, each seed"
    return Table(f"{panel}-seeds", title, (_SEED, *_COLUMNS), tuple(rows), collapsed=True)


def _row(name: str, values: Mapping[str, Json]) -> Row:
    keys = [column.key for column in (_SEED, *_COLUMNS) if column.key in values]
    return Row(name, {key: interval([float(values[key])]) for key in keys})


def _notes(found: Results, study: Study) -> tuple[str, ...]:
    """Return what a reader must know, and the settings, which are the paper's."""
    notes = [
        f"{DISTANCES} Where forget quality is reached between two iterations, retain distance is "
        "interpolated."
    ]
    if not found.claims:
        notes.append("Both NPO and SimNPO are needed to test the paper's claims.")
    if any(found.grid.values()):
        notes.append(
            "Picked in the grid: the lowest mean retain distance where both forget sets have "
            "reached Retrain's forget quality. The panels' tables have the paper's choice."
        )
    panels = [PANELS[panel] for panel in study.panels]
    forget2 = "; ".join(
        f"{panel.title}: {panel.forget2_length}"
        + ("" if panel.pretrain_on_forget2 else ", and the original model has not seen it")
        for panel in panels
    )
    return (
        *notes,
        "Chains: ten states; a chain stays among its own three with probability 0.8 and moves "
        "evenly otherwise. Retain and Forget1 have 20 states a sequence; so many has Forget2: "
        f"{forget2}. 80 % of the sequences train, 20 % test.",
        "Model: GPT-2, 4 layers, 4 heads, width 128, no dropout. Original and Retrain: AdamW, rate "
        f"5e-4, batch 128, {study.size.epochs} epochs.",
        "Unlearning: AdamW, rate 5e-4, 4 forget and 4 retain sequences an iteration, weights 1 and "
        "1, retain loss NLL (GA has none); full test sets after every iteration. No weight decay, "
        "no clipping.",
    )


def write_study(
    paths: pd.DataFrame, study: Study, folder: Path, command: str, seconds: float
) -> Results:
    """Write the report with its plots and tables, `paths.parquet` and, last, `summary.json`."""
    write_table(folder / PATHS, paths)
    found, title = results(paths, study), "Unlearning a mixture of Markov chains"
    size, runs = study.size, tuple(study.runs())
    shown = {FIG5: Shown(ARTEFACTS[FIG5], SHOWS, finding(found, paths, study), runs)}
    settings = {
        "Seeds": ", ".join(map(str, study.seeds)),
        "Sequences": f"{size.retain} retain, {size.forget} of each forget chain",
        "Iterations": str(size.iterations),
        "The command took": duration(seconds),
    }
    write_reproduction(
        shown, folder, title=title, lead=_LEAD, command=command, settings=settings, failed={}
    )
    write_markdown(shown, folder, title=title, command=command, settings=settings)
    write_json(folder / SUMMARY, _summary(found, study, seconds))
    return found


def _summary(found: Results, study: Study, seconds: float) -> JsonObject:
    """Return the content of `summary.json`, with None instead of NaN."""
    summary: JsonObject = plain(
        {
            "panels": study.panels,
            "seeds": study.seeds,
            "size": vars(study.size),
            **found._asdict(),
            "seconds": round(seconds, 1),
            "versions": versions(),
        }
    )
    return summary
