"""The report of a reproduction: one HTML page, its plots and its tables."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, get_args

from simnpo.experiments.run import Run
from simnpo.paper.page_settings import unlearning_settings
from simnpo.report.drawing import KINDS
from simnpo.report.finding import Finding, Verdict
from simnpo.report.finding_page import PLOTS, TABLES, write_finding
from simnpo.report.finding_tables import KINDS as TABLE_KINDS
from simnpo.report.rendering import REPORT
from simnpo.storage.ownership import remove_own
from simnpo.storage.runs import versions

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
    for name in shown:
        for place, kinds in ((PLOTS, KINDS), (TABLES, TABLE_KINDS)):
            remove_own(folder / place, [f"{name}-*.{kind}" for kind in kinds])
    parts = {name: _part(name, one) for name, one in shown.items()}
    summary = (lead,) if lead else ()
    return write_finding(
        Finding(title=title, summary=summary, facts=settings, parts=parts),
        folder,
        command,
        template="reproduction.html",
        by_part=True,
        failed=failed,
        shown=shown,
        label_of=label_of,
        verdicts=VERDICTS,
        versions=versions(),
        settings={name: unlearning_settings(one.runs) for name, one in shown.items()},
    )


def label_of(name: str) -> str:
    """Return an artefact as the paper calls it: `fig1b` is Fig. 1b, `tableA2` Table A2."""
    for kind, called in (("fig", "Fig."), ("table", "Table")):
        if name.startswith(kind):
            return f"{called} {name.removeprefix(kind)}"
    return name


def _part(name: str, shown: Shown) -> Finding:
    return replace(
        Finding() if isinstance(shown.finding, str) else shown.finding,
        title=f"{label_of(name)}: {shown.title}",
        summary=(f"**The paper:** {shown.shows}",),
        questions=QUESTIONS,
    )
