"""The page of successive forget requests: every metric after each (MUSE; the paper's Fig. A5)."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.verdict import Verdict
from simnpo.evaluation.suites import display_of
from simnpo.evaluation.suites.display import Column
from simnpo.report.curves import COLUMNS, Steps, headline_part, metrics_part, shown_columns
from simnpo.report.drawing import KINDS
from simnpo.report.finding import Cell, Finding, Row, Table
from simnpo.report.finding import Column as TableColumn
from simnpo.report.finding_page import write_finding
from simnpo.report.notes import notes
from simnpo.report.numbers import number, written
from simnpo.report.prompts import prompts
from simnpo.report.rendering import REPORT
from simnpo.report.table import cell

HEADLINE, METRICS = PLOTS = ("stages", "stages_metrics")
FILES = (REPORT, *(f"plots/{name}.{kind}" for name in PLOTS for kind in KINDS))
"""What `write_stages` writes."""
TABLE = "After each request"


def write_stages(
    evaluations: Sequence[Evaluation],
    folder: Path,
    method: str,
    sizes: Sequence[int],
    command: str,
    verdict: Verdict | None = None,
    title: str = "",
    advice: Sequence[str] = (),
) -> Path:
    """Write `report.html` and its plots.

    Args:
        evaluations: the model before the first request, then after each.
        folder: where to write.
        method: the method's title.
        sizes: examples of each request.
        command: the command that made the report.
        verdict: on the last stage, shown at the page's head.
        title: the page's; the benchmark's name and split where it is empty.
        advice: what to change next, shown below the verdict.

    Returns:
        The path of the page.
    """
    return write_finding(
        _finding(evaluations, method, sizes, verdict, title, advice), folder, command
    )


def _finding(
    evaluations: Sequence[Evaluation],
    method: str,
    sizes: Sequence[int],
    verdict: Verdict | None,
    title: str,
    advice: Sequence[str],
) -> Finding:
    view, summary = display_of(evaluations), evaluations[0].summary
    curve, steps = _curve(evaluations, method), Steps("Requests unlearned")
    columns, more = shown_columns(view, curve), "; 0 is the model before any request."
    parts = {
        "curves": headline_part("Over the requests", HEADLINE, curve, view, steps, more),
        "table": Finding((_table(evaluations, columns),), title=TABLE),
        "metrics": metrics_part(METRICS, curve, columns, steps),
    }
    if verdict and len(evaluations[0].tables.generations):
        parts["answers"] = Finding(
            title="Answers",
            summary=("Before the first request and after the last.",),
            answers=(evaluations[0], evaluations[-1]),
        )
    if asked := prompts(evaluations):
        parts["prompts"] = Finding(title="Prompts", prompts=tuple(asked))
    said = tuple(
        f"**{', '.join(one.names)}:** {one.text}" if one.names else one.text
        for one in notes(evaluations)
    )
    return Finding(
        title=title or f"{summary['benchmark']} {summary['split'] or ''}, request by request",
        summary=_lead(method, len(sizes), own=verdict is not None),
        facts={"Examples of each request": ", ".join(map(str, sizes))},
        judged=verdict,
        judged_when="After the last request, judged",
        advice=tuple(advice),
        parts={**parts, "notes": Finding(title="Notes", notes=said)},
    )


def _lead(method: str, requests: int, own: bool) -> tuple[str, ...]:
    measured = "all sets are" if own else "the whole benchmark is"
    lead = (
        f"**{method}** unlearns {requests} requests one after the other, each from the model that "
        "the last one left. A stage forgets its own request alone and keeps the same retain set; "
        f"{measured} measured after each, so before the last stage the forget set holds what "
        "nobody asked to forget yet."
    )
    return (lead, "The forget set holds the rows of all requests.") if own else (lead,)


def _table(evaluations: Sequence[Evaluation], columns: Sequence[Column]) -> Table:
    heads = ["Before", *(one.name for one in evaluations[1:])]
    rows = tuple(
        Row(
            column.name,
            {},
            written={
                str(place): Cell(
                    number(one.summary["metrics"].get(column.key)),
                    cell(one, column, partial(written, kind=column.kind)),
                )
                for place, one in enumerate(evaluations)
            },
        )
        for column in columns
    )
    return Table(
        "stages",
        TABLE,
        tuple(TableColumn(str(place), head, head) for place, head in enumerate(heads)),
        rows,
        rows_are="Metric",
        sortable=False,
        legend=tuple(display_of(evaluations).caption(evaluations)),
    )


def _curve(evaluations: Sequence[Evaluation], method: str) -> pd.DataFrame:
    rows = [
        (method, "", 0, step, metric, value)
        for step, evaluation in enumerate(evaluations)
        for metric, value in evaluation.summary["metrics"].items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": "float64"})
