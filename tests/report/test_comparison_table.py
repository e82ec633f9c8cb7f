"""The comparison's table in forms for programs, documents and papers, with hand-written numbers."""

import csv
import math

import pytest
from made_up_evaluations import evaluation

from simnpo.evaluation.evaluation import Evaluation
from simnpo.report.comparison_table import comparison_table
from simnpo.report.finding import Cell, Column, Row, Table
from simnpo.report.finding_tables import as_csv, as_latex, as_markdown

NUMBERS = ("mean", "low", "high", "seeds")
NAME = r"50% & $x_1 \ {a}"


@pytest.fixture(scope="module")
def compared() -> list[Evaluation]:
    first, second = evaluation("SimNPO"), evaluation("NPO")._replace(name=NAME)
    metrics = {**first.summary["metrics"], "forget_quality": 2.5e-7, "model_utility": 0.625}
    intervals = {"model_utility": [0.5, 0.75]}
    first = first._replace(summary={**first.summary, "metrics": metrics, "intervals": intervals})
    lost = {**second.summary["metrics"], "model_utility": None}
    return [first, second._replace(summary={**second.summary, "metrics": lost, "intervals": {}})]


def test_csv_has_every_number_with_its_interval(compared: list[Evaluation]) -> None:
    table = comparison_table(compared, "tofu")
    lines = list(csv.DictReader(as_csv(table).splitlines()))
    found = {(one["row"], one["column"]): one for one in lines}
    assert len(lines) == len(found) == 2 * len(table.columns)
    utility = found["SimNPO", "model_utility"]
    assert [utility[key] for key in NUMBERS] == ["0.625", "0.5", "0.75", "1"]
    quality = found["SimNPO", "forget_quality"]
    assert (quality["mean"], quality["low"]) == ("2.5e-07", "")
    missing = found[NAME, "model_utility"]
    assert [missing[key] for key in NUMBERS] == [""] * 4


def test_markdown_names_the_group_of_each_column(compared: list[Evaluation]) -> None:
    table = comparison_table(compared, "tofu")
    head, _, first, second = as_markdown(table).splitlines()
    names = [one.strip() for one in head.split("|")[2:-1]]
    assert len(set(names)) == len(table.columns)
    assert "0.625 (0.50–0.75)" in first and "2.5×10⁻⁷" in first and "—" in second


def test_latex_escapes_what_is_special(compared: list[Evaluation]) -> None:
    lines = as_latex(comparison_table(compared, "tofu")).splitlines()
    assert lines[0].startswith(r"\begin{tabular}{lrr") and lines[-1] == r"\end{tabular}"
    assert lines[1] == r"\toprule" and lines[-2] == r"\bottomrule"
    first, second = lines[lines.index(r"\midrule") + 1 : -2]
    assert "0.625 (0.50--0.75)" in first and r"2.5$\times$10$^{-}$$^{7}$" in first
    assert second.startswith(r"50\% \& \$x\_1 \textbackslash{} \{a\} & ")
    cells = {line.replace(r"\&", "").count(" & ") for line in (first, second)}
    assert len(cells) == 1


def test_latex_puts_groups_above_their_columns() -> None:
    grouped = (Column(key, key.upper(), "", group="A") for key in ("p", "r"))
    columns = (Column("n", "n", "n"), *grouped)
    cells = {"p": Cell(0.5, "0.5"), "r": Cell(math.nan, "—")}
    table = Table("t", "t", columns, (Row("x", {}, written=cells),))
    assert as_latex(table).splitlines()[2:5] == [
        r" &  & \multicolumn{2}{c}{A} \\",
        r" & n & P & R \\",
        r"\midrule",
    ]
