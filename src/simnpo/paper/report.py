"""The report of a reproduction: one HTML page, its plots and its tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.suites import display_of
from simnpo.experiments.run import Run
from simnpo.methods.registry import METHODS
from simnpo.paper.page_settings import unlearning_settings
from simnpo.paper.page_tables import KINDS as TABLE_KINDS
from simnpo.paper.page_tables import PAPER, cell, sourced_rows, write_table
from simnpo.report.answers import Card, cards
from simnpo.report.colours import ORIGINAL, RETRAIN, Style, styles
from simnpo.report.drawing import KINDS, Plot, draw
from simnpo.report.finding import Claim, Figure, Finding, Table, Verdict
from simnpo.report.rendering import REPORT, write_page
from simnpo.report.settings import Settings
from simnpo.storage.ownership import remove_own
from simnpo.storage.runs import versions

PLOTS, TABLES = "plots", "tables"
"""Folders next to the page."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
QUESTIONS = 30
"""Questions shown of each set: a filter finds one among them."""


class Shown(NamedTuple):
    """An artefact as the report shows it."""

    title: str
    shows: str
    """What the paper shows with it, in a sentence."""
    finding: Finding | str
    """What was found, or why it could not be made."""
    runs: tuple[Run, ...] = ()
    """The runs it was made from."""


class Section(NamedTuple):
    """An artefact ready for the page, its files written."""

    name: str
    label: str
    """As the paper calls it: `Fig. 4`."""
    shown: Shown
    reason: str
    """Why it could not be made; empty where it was."""
    figures: list[tuple[Figure, Plot]]
    tables: list[Table]
    claims: list[Claim]
    verdicts: Counter[Verdict]
    """How many claims have each verdict."""
    answers: dict[str, list[Card]]
    """By evaluation set."""
    view: Any
    """How `answers` are shown, a `SuiteDisplay`; None without any."""
    notes: tuple[str, ...]
    settings: Settings


def files(artefacts: Iterable[str]) -> tuple[str, ...]:
    """Return patterns of what a report on artefacts is written to."""
    named = [(PLOTS, KINDS), (TABLES, TABLE_KINDS)]
    return (
        REPORT,
        "report.md",
        *(
            f"{place}/{name}-*.{kind}"
            for name in artefacts
            for place, kinds in named
            for kind in kinds
        ),
    )


def write_reproduction(
    shown: Mapping[str, Shown],
    folder: Path,
    *,
    title: str,
    command: str | None,
    settings: Mapping[str, str],
    failed: Mapping[str, str],
    lead: str = "",
) -> Path:
    """Write `report.html`, every figure to `plots/` and every table to `tables/`.

    Files are named after the artefact and the figure or table, such as `plots/fig4-weights.svg`;
    those of an earlier report on the same artefact are removed.

    Args:
        shown: artefacts by name (a key of `simnpo.paper.studies.ARTEFACTS`), in the order to show
            them.
        folder: where to write; made if it is missing.
        title: the page's title.
        command: the command that made the report.
        settings: what holds for all of it, such as scale and seeds, as a reader sees it.
        failed: the runs that failed, by title, with the reason.
        lead: what the page begins with, where that is not a reproduction of many artefacts.

    Returns:
        The path of the page.

    Raises:
        UserError: models whose answers are to stand side by side were asked different questions.
    """
    found = {name: _finding(one) for name, one in shown.items()}
    looks = styles(_models(found.values()))
    sections = [_section(name, one, found[name], folder, looks) for name, one in shown.items()]
    return write_page(
        folder,
        "reproduction.html",
        looks,
        title=title,
        lead=lead,
        command=command,
        facts=settings,
        failed=failed,
        artefacts=sections,
        total=sum((section.verdicts for section in sections), Counter[Verdict]()),
        verdicts=VERDICTS,
        versions=versions(),
        cell=cell,
        sourced_rows=sourced_rows,
        paper=PAPER,
    )


def label_of(name: str) -> str:
    """Return an artefact as the paper calls it: `fig1b` is Fig. 1b, `tableA2` Table A2."""
    for kind, called in (("fig", "Fig."), ("table", "Table")):
        if name.startswith(kind):
            return f"{called} {name.removeprefix(kind)}"
    return name


def _finding(shown: Shown) -> Finding:
    return Finding() if isinstance(shown.finding, str) else shown.finding


def _models(findings: Iterable[Finding]) -> list[str]:
    """List what has a colour and a marker: what figures draw, answers, and methods in tables."""
    methods = {ORIGINAL, RETRAIN, *(method.title for method in METHODS.values())}
    names: dict[str, None] = {}
    for one in findings:
        names |= dict.fromkeys(model for figure in one.figures for model in figure.models)
        names |= dict.fromkeys(evaluation.name for evaluation in one.answers)
        rows = [row.name for table in one.tables for row in table.rows]
        names |= dict.fromkeys(name for name in rows if name in methods)
    return list(names)


def _section(
    name: str, shown: Shown, finding: Finding, folder: Path, looks: Mapping[str, Style]
) -> Section:
    for place, kinds in ((PLOTS, KINDS), (TABLES, TABLE_KINDS)):
        remove_own(folder / place, [f"{name}-*.{kind}" for kind in kinds])
    for table in finding.tables:
        write_table(folder / TABLES, f"{name}-{table.name}", table)
    return Section(
        name=name,
        label=label_of(name),
        shown=shown,
        reason=shown.finding if isinstance(shown.finding, str) else "",
        figures=[(one, _drawn(one, name, folder, looks)) for one in finding.figures],
        tables=list(finding.tables),
        claims=list(finding.claims),
        verdicts=Counter(claim.verdict for claim in finding.claims),
        answers=_answers(finding.answers),
        view=display_of(finding.answers) if finding.answers else None,
        notes=finding.notes,
        settings=unlearning_settings(shown.runs),
    )


def _drawn(figure: Figure, name: str, folder: Path, looks: Mapping[str, Style]) -> Plot:
    return draw(
        folder / PLOTS,
        f"{name}-{figure.name}",
        figure.size,
        figure.description,
        looks,
        lambda empty: figure.paint(empty, looks),
    )


def _answers(evaluations: Sequence[Evaluation]) -> dict[str, list[Card]]:
    if not evaluations:
        return {}
    return {name: cards(evaluations, name, QUESTIONS) for name in display_of(evaluations).answers}
