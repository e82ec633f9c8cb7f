"""The summary that `unlearn` prints after it."""

import pytest
from rich.cells import cell_len

from simnpo.report.outcome_text import AnswerChange, SetChange, describe_outcome

MEASURES = ("probability", "ROUGE-L", "verbatim", "leaked", "refused", "empty or broken")
BEFORE = (".912", ".99", "28 of 30", "25 of 30", "0 of 30", "0 of 30")
AFTER = (".021", ".21", "2 of 30", "1 of 30", "0 of 30", "3 of 30")
VERDICT = "Forgotten: 28 of 30 answers no longer come out; kept: 48 of 48 trained on."
ANSWERS = [
    AnswerChange(f"Question {n}?", f"Old {n}.", f"New {n}.", f"True {n}.") for n in range(30)
]


def test_the_whole_summary() -> None:
    text = describe_outcome(
        VERDICT,
        MEASURES,
        [SetChange("forget", BEFORE, AFTER)],
        ANSWERS[:1],
        ["raise --learning-rate to 2e-5."],
        [("Report", "out/report.html"), ("Model", "out/model")],
        ("1.00", ".97"),
    )
    assert text == (
        f"{VERDICT}\n"
        "\n"
        "                                                                     empty\n"
        "                                                                        or\n"
        "Set             probability  ROUGE-L  verbatim    leaked  refused   broken\n"
        "───────────────────────────────────────────────────────────────────────────\n"
        "forget  before         .912      .99  28 of 30  25 of 30  0 of 30  0 of 30\n"
        "        after          .021      .21   2 of 30   1 of 30  0 of 30  3 of 30\n"
        "\n"
        "General ability: 1.00 before, .97 after.\n"
        "\n"
        "Question 0?\n"
        "  before  Old 0.\n"
        "  after   New 0.\n"
        "  true    True 0.\n"
        "\n"
        "Next: raise --learning-rate to 2e-5.\n"
        "\n"
        "Report: out/report.html\n"
        "Model: out/model"
    )


def test_a_table_that_is_too_wide_has_a_line_per_measure() -> None:
    many = ("1000 of 1000",) * len(MEASURES)
    sets = [SetChange("forget", BEFORE, AFTER), SetChange("customers", many, many)]
    lines = describe_outcome(VERDICT, MEASURES, sets, []).splitlines()
    assert lines[2:] == [
        "Set                      before         after",
        "──────────────────────────────────────────────",
        "forget",
        "  probability              .912          .021",
        "  ROUGE-L                   .99           .21",
        "  verbatim             28 of 30       2 of 30",
        "  leaked               25 of 30       1 of 30",
        "  refused               0 of 30       0 of 30",
        "  empty or broken       0 of 30       3 of 30",
        "customers",
        *(f"  {title:<15}  1000 of 1000  1000 of 1000" for title in MEASURES),
    ]


def test_three_answers_evenly_spaced() -> None:
    text = describe_outcome(VERDICT, MEASURES, [], ANSWERS)
    asked = [line for line in text.splitlines() if line.startswith("Question")]
    assert asked == ["Question 0?", "Question 10?", "Question 20?"]
    two = describe_outcome(VERDICT, MEASURES, [], ANSWERS[:2])
    assert "Question 0?" in two and "Question 1?" in two
    assert "Question" not in describe_outcome(VERDICT, MEASURES, [], [])


def test_answers_are_one_line_each() -> None:
    change = AnswerChange("Q " * 100, "one\ntwo " + "x" * 100, "  ", "\x1b[31m東京" + "京" * 50)
    lines = describe_outcome(VERDICT, MEASURES, [], [change]).splitlines()[-4:]
    assert lines[0].startswith("Q Q") and lines[0].endswith("…")
    assert lines[1].startswith("  before  one\\ntwo xx") and lines[1].endswith("x…")
    assert lines[2] == "  after   (empty)"
    assert lines[3].startswith("  true    \\x1b[31m東京") and lines[3].endswith("…")
    assert all(70 < cell_len(line) <= 80 for line in (lines[0], lines[1], lines[3]))


def test_a_set_needs_a_cell_for_each_measure() -> None:
    with pytest.raises(ValueError, match="forget, after: 2 cells, not 6"):
        describe_outcome(VERDICT, MEASURES, [SetChange("forget", BEFORE, ("1", "2"))], [])


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_any_text_fits_and_injects_nothing(width: int) -> None:
    hostile = "[bold]x[/bold] \x1b[31m\x00 東京 \u202e" + "w" * 100 + "\n"
    many = tuple("1000 of 1000" for _ in MEASURES)
    sets = [SetChange(name, many, many) for name in ("forget", hostile, "customers-of-1999")]
    answers = [AnswerChange(hostile, hostile, hostile, hostile)] * 5
    text = describe_outcome(hostile, MEASURES, sets, answers, [hostile] * 2, width=width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text and "\x00" not in text and "\u202e" not in text
    assert "[bold]x[/bold]" in text
    for title in ("probability", "ROUGE-L", "verbatim") if width >= 80 else ():
        assert title in text


def test_paths_are_never_truncated() -> None:
    path = "out/" + "folder/" * 30 + "report.html"
    text = describe_outcome(VERDICT, MEASURES, [], [], places=[("Report", path)])
    assert text.splitlines()[-1] == f"Report: {path}"
