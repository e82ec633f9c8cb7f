"""The report: one self-contained HTML page that fetches nothing."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from simnpo.benchmarks.own import FORGET
from simnpo.errors import UserError
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.verdict import Verdict
from simnpo.evaluation.suites import display_of, suite_of
from simnpo.evaluation.suites.display import Column
from simnpo.report.answers import answered_cards
from simnpo.report.colours import is_retrain, styles
from simnpo.report.drawing import KINDS
from simnpo.report.figures import PLOTS, draw_plots
from simnpo.report.notes import notes
from simnpo.report.numbers import written
from simnpo.report.prompts import prompts
from simnpo.report.rendering import REPORT, write_page
from simnpo.report.settings import settings
from simnpo.report.table import bounds, cell, comparison

FILES = (REPORT, *(f"plots/{name}.{kind}" for name in PLOTS for kind in KINDS))
"""What `write_report` writes."""
_SAME = ("benchmark", "split", "truth_ratio_aggregation")


class Cell(NamedTuple):
    """One number of the comparison as text."""

    text: str
    interval: str
    """Its 95 % interval; empty where it has none."""


def write_report(
    evaluations: Sequence[Evaluation],
    folder: Path,
    title: str,
    command: str | None = None,
    verdict: Verdict | None = None,
    advice: Sequence[str] = (),
) -> Path:
    """Write `report.html` and its plots under `plots/`.

    Args:
        evaluations: the models in the order to show them; "Original" and "Retrain", by name, are
            drawn as references.
        folder: where to write; made if it is missing.
        title: the page's title.
        command: the command that made the report, shown at its end.
        verdict: whether unlearning worked, shown at its head.
        advice: what to change next, shown below the verdict.

    Returns:
        The path of the page.

    Raises:
        UserError: there is no evaluation, two have the same name, or they cannot be compared.
    """
    check_comparable(evaluations)
    chosen = styles([evaluation.name for evaluation in evaluations])
    view = display_of(evaluations)
    return write_page(
        folder,
        REPORT,
        chosen,
        title=title,
        command=command,
        summaries=[(evaluation.name, evaluation.summary) for evaluation in evaluations],
        first=evaluations[0].summary,
        has_truth_ratios=view.has_truth_ratios,
        has_retrain=any(is_retrain(name) for name in chosen),
        view=view,
        groups=_groups(view.columns),
        facts=view.facts(evaluations),
        table=comparison(evaluations),
        cells=_cells(evaluations, view.columns),
        verdict=verdict,
        advice=advice,
        caption=view.caption(evaluations),
        answers=answered_cards(evaluations, view.answers),
        prompts=prompts(evaluations),
        settings=settings(evaluations),
        notes=notes(evaluations),
        plots=draw_plots(evaluations, folder / "plots", chosen),  # last: it writes files
    )


def check_comparable(evaluations: Sequence[Evaluation]) -> None:
    """Refuse evaluations that do not belong in one table.

    Raises:
        UserError: there is none, two have the same name, or metrics, benchmark, split or
            truth-ratio aggregation differ.
    """
    if not evaluations:
        raise UserError("A report needs at least one evaluation.")
    names = [evaluation.name for evaluation in evaluations]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"Two evaluations are called {name!r}: give each its own name.")
    suites = {suite_of(evaluation): evaluation.name for evaluation in evaluations}
    if len(suites) > 1:
        listed = ", ".join(f"{suite} ({name})" for suite, name in suites.items())
        raise UserError(f"These evaluations were measured by different metrics: {listed}.")
    if suites.keys() == {"own"}:
        _check_same_rows(evaluations)
    for key in _SAME:
        # A published log does not say its split: what is unknown does not differ.
        # Own data are known by their rows, whatever their file is called.
        known = [
            one
            for one in evaluations
            if one.summary.get(key) is not None and (key != "split" or suite_of(one) != "own")
        ]
        found = {str(evaluation.summary[key]): evaluation.name for evaluation in known}
        if len(found) > 1:
            listed = ", ".join(f"{value} ({name})" for value, name in found.items())
            raise UserError(
                f"These evaluations differ in {key}: {listed}. Their numbers do not compare; write"
                " one report for each."
            )


def _check_same_rows(evaluations: Sequence[Evaluation]) -> None:
    """Refuse evaluations of own data whose forget sets differ.

    Raises:
        UserError: naming two of them.
    """
    first, *others = evaluations
    for other in others:
        if first.summary["data"][FORGET] != other.summary["data"][FORGET]:
            raise UserError(
                f"{first.name} and {other.name} were measured on different forget sets: evaluate "
                "both with the same ``forget`` (and ``max_items``)."
            )


def _cells(
    evaluations: Sequence[Evaluation], columns: Sequence[Column]
) -> dict[str, dict[str, Cell]]:
    """Return the comparison as text, by model and metric."""
    cells: dict[str, dict[str, Cell]] = {}
    for one in evaluations:
        cells[one.name] = {
            column.key: Cell(
                cell(one, column, partial(written, kind=column.kind)),
                bounds(one, column.key),
            )
            for column in columns
        }
    return cells


def _groups(columns: Sequence[Column]) -> list[tuple[str, list[Column]]]:
    titles = dict.fromkeys(column.group for column in columns)
    return [(title, [column for column in columns if column.group == title]) for title in titles]
