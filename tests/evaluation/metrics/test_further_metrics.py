"""Metrics in files of their own: measured, shown and explained without another edit."""

from pathlib import Path

import pytest
from tiny_tofu import item_rows, scores, tiny_tables

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.forget_extraction import METRIC, forget_extraction
from simnpo.evaluation.suites import SUITES, display, further, measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.suites.display import Column
from simnpo.evaluation.suites.further import METRICS, Metric
from simnpo.evaluation.tables import Tables

ROWS = Metric(
    ("tofu",),
    Column("rows", "Overall", "n", "Rows scored", "plain"),
    lambda inputs: float(len(inputs.tables.scores)),
    "n: rows that were scored.",
    "nothing was scored",
)


def test_every_metric_is_of_suites_that_there_are() -> None:
    for metric in METRICS.values():
        assert metric.suites and set(metric.suites) <= set(SUITES)
    keys = [metric.column.key for metric in METRICS.values()]
    assert len(set(keys)) == len(keys)


def test_a_metric_is_a_file_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further, "METRICS", {"rows": ROWS})
    tables = tiny_tables()
    found = measure("tofu", SuiteInputs(tables, None))
    assert found.metrics["rows"] == len(tables.scores)
    shown = display("tofu", [], list(found.metrics))
    assert shown.columns[-1] == ROWS.column
    summary = {"truth_ratio_aggregation": "geometric", "metrics": found.metrics}
    assert shown.caption([Evaluation(Path(), summary, tables)])[-1] == "n: rows that were scored."
    # Evaluations from before it had no such number, and their tables have no empty column.
    assert ROWS.column not in display("tofu", [], ["model_utility"]).columns


def test_extraction_strength_of_the_forget_answers_by_hand() -> None:
    table = scores([*item_rows("forget", 0, -1.0, [-2.0]), *item_rows("forget", 1, -1.0, [-2.0])])
    answers = table["variant"] == "answer"
    table["tokens"], table["tail_matches"] = 4, 4  # of wrong answers: they do not count
    table.loc[answers, "tail_matches"] = [3, 0]
    inputs = SuiteInputs(Tables(table, tiny_tables().generations), None)
    assert forget_extraction(inputs) == pytest.approx((3 / 4 + 0 / 4) / 2)


def test_it_is_missing_where_the_scores_do_not_have_it() -> None:
    tables = tiny_tables()
    without = tables._replace(scores=tables.scores.assign(tail_matches=float("nan")))  # a log's
    found = measure("tofu", SuiteInputs(without, None))
    assert found.metrics["forget.extraction_strength"] is None
    assert f"forget.extraction_strength is missing: {METRIC.missing}." in found.notes
