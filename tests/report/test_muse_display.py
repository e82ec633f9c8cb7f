"""MUSE's report: its columns, its plot and the answers as its metrics take them."""

import html
from pathlib import Path

import pandas as pd
import pytest

from simnpo.errors import UserError
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.suites.muse import COLUMNS, asked
from simnpo.evaluation.summary import summarise
from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables
from simnpo.report.answers import cards
from simnpo.report.page import write_report
from simnpo.report.table import comparison

PROMPT = "Question: Who?\nAnswer: Bo\n\nQuestion: Where is it?\nAnswer: "


def evaluation(name: str, known: float, answer: str, retain: Tables | None = None) -> Evaluation:
    """Make a model to which the first forget text is as likely as `known`."""
    scores = [
        (set_name, item, "answer", 0, 10 * value, 10, 4, 3, value, value, 20)
        for set_name, values in (("forget", (known, -3.0)), ("holdout", (-2.0, -2.5)))
        for item, value in enumerate(values)
    ]
    answers = [
        ("verbmem", 0, "The mill", " burnt.", " burnt."),
        ("knowmem_forget", 0, PROMPT, "Hask", answer),
        ("knowmem_retain", 0, PROMPT, "Torrin", "Torrin"),
    ]
    tables = Tables(
        pd.DataFrame(scores, columns=list(SCORE_COLUMNS)),
        pd.DataFrame(answers, columns=list(GENERATION_COLUMNS)),
    )
    question = SuiteInputs(tables, retain or tables)
    origin = {"name": name, "benchmark": "mini-muse", "split": "gazette"}
    return Evaluation(name, summarise("muse", question, **origin), tables)


RETRAIN = evaluation("Retrain", -2.2, "no idea")
ORIGINAL = evaluation("Original", -0.1, " Hask\n\nQuestion: Hask?", RETRAIN.tables)


def test_the_page_has_all_columns_the_plot_and_no_truth_ratios(tmp_path: Path) -> None:
    written = write_report([ORIGINAL, RETRAIN], tmp_path, "mini-muse gazette").read_text()
    page = html.unescape(written)
    assert all(column.name in page for column in COLUMNS)
    assert "PrivLeak against retain KnowMem" in page
    assert "ruth ratio" not in page
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "trade_off.pdf",
        "trade_off.png",
        "trade_off.svg",
    ]
    # VerbMem, KnowMem of the cut answer, retain KnowMem, PrivLeak: 2 of 4 pairs against 3 of 4.
    row = comparison([ORIGINAL]).loc["Original"].tolist()
    assert row[:4] == pytest.approx([100, 100, 100, -100 / 3])


def test_cards_show_the_last_question_and_the_answer_up_to_where_it_is_cut() -> None:
    (card,) = cards([ORIGINAL, RETRAIN], "knowmem_forget")
    assert card.question == "Where is it?"
    assert [(one.text, one.exact, one.score) for one in card.answers] == [
        ("Hask", True, 1.0),
        ("no idea", False, 0.0),
    ]


@pytest.mark.parametrize("end", ["", " "])
def test_prompts_as_a_reader_sees_them(end: str) -> None:
    assert asked("Question: Where is it?\nAnswer:" + end) == "Where is it?"
    assert asked("The mill") == "The mill"
    long = asked("word " * 100)
    assert long.startswith("… word") and len(long) <= 302


def test_suites_do_not_mix(tmp_path: Path) -> None:
    other = Evaluation("Other", RETRAIN.summary | {"suite": "tofu"}, RETRAIN.tables)
    with pytest.raises(UserError, match=r"measured by different metrics: muse .*tofu"):
        write_report([ORIGINAL, other], tmp_path, "mixed")
