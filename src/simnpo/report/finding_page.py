"""A finding as a page: its parts as sections, with their figures drawn next to the page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from simnpo.benchmarks.set_titles import REQUEST
from simnpo.evaluation.suites import display_of
from simnpo.evaluation.suites.display import SuiteDisplay
from simnpo.methods.registry import METHODS
from simnpo.report.answers import Card, answered_cards
from simnpo.report.colours import ORIGINAL, RETRAIN, Style, styles
from simnpo.report.drawing import Plot, draw
from simnpo.report.finding import Figure, Finding
from simnpo.report.finding_tables import PAPER, cell, sourced_rows, write_table
from simnpo.report.rendering import write_page

PLOTS, TABLES = "plots", "tables"
"""Folders next to the page."""


class Section(NamedTuple):
    """A part of a finding, ready for the page."""

    name: str
    """Its anchor."""
    finding: Finding
    figures: list[tuple[Figure, Plot]]
    answers: dict[str, list[Card]]
    """By evaluation set."""
    view: SuiteDisplay | None
    """How `answers` are shown; None without any."""
    beside: str
    """What the names of its tables' files begin with; empty where there are none."""


def write_finding(
    finding: Finding,
    folder: Path,
    command: str | None,
    template: str = "finding.html",
    by_part: bool = False,
    **content: Any,
) -> Path:
    """Write `report.html`, and every figure of the finding's parts to `plots/`.

    Args:
        finding: what to show: its parts are the page's sections.
        folder: where to write; made if it is missing.
        command: the command that made the report, shown at its end.
        template: `finding.html`, or one that extends it.
        by_part: whether files are named after their part, too, as `plots/fig4-weights.svg`, and
            tables are written to `tables/`.
        content: what `template` shows besides the finding.

    Returns:
        The path of the page.

    Raises:
        UserError: models whose answers are to stand side by side were asked different questions.
    """
    looks = styles(_models(finding))
    parts = [
        _section(name, part, folder, looks, f"{name}-" if by_part else "")
        for name, part in finding.parts.items()
    ]
    return write_page(
        folder,
        template,
        looks,
        title=finding.title,
        command=command,
        finding=finding,
        parts=parts,
        sections=[(part.name, part.finding.title) for part in parts],
        cell=cell,
        sourced_rows=sourced_rows,
        paper=PAPER,
        **content,
    )


def _section(
    name: str, finding: Finding, folder: Path, looks: Mapping[str, Style], prefix: str
) -> Section:
    for table in finding.tables if prefix else ():
        write_table(folder / TABLES, f"{prefix}{table.name}", table)
    figures = [(one, _drawn(one, prefix, folder, looks)) for one in finding.figures]
    view = display_of(finding.answers) if finding.answers else None
    # A request's rows are in the forget set, too.
    sets = [one for one in view.answers if not one.startswith(REQUEST)] if view else []
    answers = answered_cards(finding.answers, sets, finding.questions)
    return Section(name, finding, figures, answers, view, prefix)


def _drawn(figure: Figure, prefix: str, folder: Path, looks: Mapping[str, Style]) -> Plot:
    name, what = f"{prefix}{figure.name}", figure.description
    return draw(
        folder / PLOTS, name, figure.size, what, looks, lambda empty: figure.paint(empty, looks)
    )


def _models(finding: Finding) -> list[str]:
    """List what has a colour and a marker: what figures draw, answers, and methods in tables."""
    methods = {ORIGINAL, RETRAIN, *(method.title for method in METHODS.values())}
    names: dict[str, None] = {}
    for one in (finding, *finding.parts.values()):
        names |= dict.fromkeys(model for figure in one.figures for model in figure.models)
        names |= dict.fromkeys(evaluation.name for evaluation in one.answers)
        rows = [row.name for table in one.tables for row in table.rows]
        names |= dict.fromkeys(name for name in rows if name in methods)
    return list(names)
