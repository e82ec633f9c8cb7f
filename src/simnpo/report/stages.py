"""The page of successive forget requests: every metric after each (MUSE; the paper's Fig. A5)."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from simnpo.benchmarks.set_titles import REQUEST
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.verdict import Verdict
from simnpo.evaluation.suites import display_of
from simnpo.evaluation.suites.display import SuiteDisplay
from simnpo.report.answers import Card, answered_cards
from simnpo.report.colours import styles
from simnpo.report.curves import (
    COLUMNS,
    Steps,
    draw_curves,
    every_metric,
    headline,
    shown_columns,
)
from simnpo.report.drawing import KINDS
from simnpo.report.notes import notes
from simnpo.report.numbers import written
from simnpo.report.prompts import prompts
from simnpo.report.rendering import REPORT, write_page
from simnpo.report.table import cell

HEADLINE, METRICS = PLOTS = ("stages", "stages_metrics")
FILES = (REPORT, *(f"plots/{name}.{kind}" for name in PLOTS for kind in KINDS))
"""What `write_stages` writes."""


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
    view, summary = display_of(evaluations), evaluations[0].summary
    curve = _curve(evaluations, method)
    columns = shown_columns(view, curve)
    looks, plots, steps = styles([method]), folder / "plots", Steps("Requests unlearned")
    answers = _answers(view, evaluations) if verdict else {}
    heads = headline(view, curve)
    drawn = {
        METRICS: draw_curves(plots, METRICS, curve, every_metric(columns, ""), steps, looks, 4)
    }
    if heads:
        drawn[HEADLINE] = draw_curves(plots, HEADLINE, curve, heads, steps, looks, len(heads))
    return write_page(
        folder,
        "stages.html",
        {**styles([evaluations[0].name, evaluations[-1].name]), **looks},
        title=title or f"{summary['benchmark']} {summary['split'] or ''}, request by request",
        command=command,
        method=method,
        sizes=sizes,
        view=view,
        columns=columns,
        verdict=verdict,
        advice=advice,
        answers=answers,
        stages=[one.name for one in evaluations],
        cells={
            column.key: [
                cell(one, column, partial(written, kind=column.kind)) for one in evaluations
            ]
            for column in columns
        },
        caption=view.caption(evaluations),
        prompts=prompts(evaluations),
        notes=notes(evaluations),
        plots=drawn,
    )


def _answers(view: SuiteDisplay, evaluations: Sequence[Evaluation]) -> dict[str, list[Card]]:
    """Return the answers before the first request and after the last, each once."""
    ends = (evaluations[0], evaluations[-1])
    # A request's rows are in the forget set, too.
    return answered_cards(ends, [one for one in view.answers if not one.startswith(REQUEST)])


def _curve(evaluations: Sequence[Evaluation], method: str) -> pd.DataFrame:
    rows = [
        (method, "", 0, step, metric, value)
        for step, evaluation in enumerate(evaluations)
        for metric, value in evaluation.summary["metrics"].items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": "float64"})
