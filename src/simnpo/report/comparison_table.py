"""The comparison of evaluations as a finding's table, for CSV, Markdown and LaTeX."""

import math
from collections.abc import Sequence
from functools import partial

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.intervals import Interval
from simnpo.evaluation.suites import display_of
from simnpo.evaluation.suites.display import Column as Metric
from simnpo.report.finding import Cell, Column, Row, Table
from simnpo.report.numbers import number, written
from simnpo.report.table import bounds, cell

NAME = "comparison"


def comparison_table(evaluations: Sequence[Evaluation], title: str = "") -> Table:
    """Return a row for each evaluation, with the 95 % intervals that it has.

    Args:
        evaluations: of one suite, see `simnpo.report.page.check_comparable`.
        title: the table's.
    """
    metrics = display_of(evaluations).columns
    columns = [Column(one.key, one.short, one.name, one.kind, None, one.group) for one in metrics]
    rows = [
        Row(
            one.name,
            {metric.key: _value(one, metric) for metric in metrics},
            written={metric.key: _cell(one, metric) for metric in metrics},
        )
        for one in evaluations
    ]
    return Table(NAME, title, tuple(columns), tuple(rows), legend=())


def _value(evaluation: Evaluation, metric: Metric) -> Interval:
    low, high = (evaluation.summary.get("intervals") or {}).get(metric.key, (math.nan, math.nan))
    value = number(evaluation.summary["metrics"].get(metric.key))
    return Interval(value, number(low), number(high), 0 if math.isnan(value) else 1)


def _cell(evaluation: Evaluation, metric: Metric) -> Cell:
    value = number(evaluation.summary["metrics"].get(metric.key))
    text = cell(evaluation, metric, partial(written, kind=metric.kind))
    interval = bounds(evaluation, metric.key)
    return Cell(value, text, f"({interval})" if interval else "")
