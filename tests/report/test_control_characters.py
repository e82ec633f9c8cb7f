"""Control characters and formulas in names and answers: escapes in every file that people open."""

import csv
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from made_up_evaluations import evaluation

from simnpo.evaluation.evaluation import Evaluation, read_evaluation, write_evaluation
from simnpo.evaluation.metrics.intervals import Interval
from simnpo.evaluation.tables import Tables
from simnpo.experiments.model_card import escape
from simnpo.report.drawing import draw, tip
from simnpo.report.finding import Column, Row, Table
from simnpo.report.finding_tables import as_csv, as_markdown
from simnpo.report.page import write_report
from simnpo.report.spreadsheets import no_formula
from simnpo.storage.files import read_json, write_json
from simnpo.system.terminal import harmless, visible

HOSTILE = "\x1b]8;;http://x\x07\x9b2J\r\x00\x7f\u202e\u2066\ud800"
SHOWN = r"\x1b]8;;http://x\x07\x9b2J\r\x00\x7f\u202e\u2066\ud800"


def test_a_page_shows_escapes(tmp_path: Path) -> None:
    made = evaluation("NPO", 4)
    run = {"command": "unlearn", "method": HOSTILE, "settings": {"note": HOSTILE}}
    summary = made.summary | {"notes": [HOSTILE], "run": run}
    answers = made.tables.generations.assign(generated=f"It is {HOSTILE[:-1]}")
    hostile = Evaluation("NPO", summary, Tables(made.tables.scores, answers))
    page = write_report([hostile], tmp_path, HOSTILE, HOSTILE)
    source = page.read_text(encoding="utf-8")
    assert harmless(source) == source and source.count(SHOWN[:-6]) > 10


def test_a_drawing_is_xml_whatever_its_texts_are(tmp_path: Path) -> None:
    def paint(figure: Any) -> None:
        (line,) = figure.subplots().plot([0, 1], [0, 1])
        tip(line, HOSTILE)

    plot = draw(tmp_path, "plot", (3, 2), HOSTILE, {}, paint)
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    for svg in (text, plot.svg):
        ElementTree.fromstring(svg)
        assert harmless(svg) == svg and SHOWN in svg


def test_names_of_evaluations_are_text(tmp_path: Path) -> None:
    made = evaluation("NPO", 4)
    write_evaluation(tmp_path, made.summary | {"name": f"a\n{HOSTILE}"}, made.tables)
    assert read_evaluation(tmp_path).name == visible(f"a\n{HOSTILE}") == rf"a\n{SHOWN}"
    assert read_evaluation(tmp_path, HOSTILE).name == SHOWN
    for wrong in ({"metrics": [1]}, {"notes": "x"}):
        write_json(tmp_path / "summary.json", read_json(tmp_path / "summary.json") | wrong)
        with pytest.raises(ValueError, match="is not a summary of an evaluation"):
            read_evaluation(tmp_path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1+cmd", "'+1+cmd"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\t=1", r"\t=1"),
        ("\r=1", r"\r=1"),
        ("-0.5", "-0.5"),
        ("+1e-5", "+1e-5"),
        (-0.5, -0.5),
        ("a=b", "a=b"),
        ("", ""),
        (HOSTILE, SHOWN),
    ],
)
def test_no_cell_is_a_formula(value: Any, expected: Any) -> None:
    assert no_formula(value) == expected


def test_tables_of_a_reproduction() -> None:
    values = ({"fq": Interval(0.5, 0.4, 0.6, 3)}, {"fq": Interval(-1.0, -2.0, 0.0, 3)})
    rows = tuple(Row(name, one) for name, one in zip(("=1+1", HOSTILE), values, strict=True))
    table = Table("t", "t", (Column("fq", "FQ", "FQ"),), rows)
    one, other = csv.DictReader(as_csv(table).splitlines())
    assert (one["row"], other["row"], other["mean"]) == ("'=1+1", SHOWN, "-1.0")
    assert harmless(as_markdown(table)) == as_markdown(table)


def test_a_model_card_names_no_controls() -> None:
    assert escape("\x1b[1m\u202ea") == r"\\x1b\[1m\\u202ea"


def test_a_file_name_that_is_no_text_is_recorded_as_it_is(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": "é\udcff", "b": 1})
    assert read_json(tmp_path / "a.json") == {"path": "é\udcff", "b": 1}
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["path"] == "é\udcff"
