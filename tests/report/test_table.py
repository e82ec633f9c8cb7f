"""The comparison as data frame and terminal table."""

import io
import math
from typing import Any

import pandas as pd
import pytest
from made_up_evaluations import SHAPES, evaluation
from rich.console import Console

from simnpo.cli.main import parse
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.suites import muse, tofu
from simnpo.evaluation.suites.multiple_choice import multiple_choice_display
from simnpo.evaluation.suites.own import own_display
from simnpo.evaluation.suites.tofu import COLUMNS, caption
from simnpo.evaluation.tables import Tables
from simnpo.report.numbers import compact, fixed, p_value, seconds, written
from simnpo.report.table import comparison, print_table

EMPTY = Tables(pd.DataFrame(), pd.DataFrame())


def made(name: str, **metrics: float | None) -> Evaluation:
    values = {column.key: 0.25 for column in COLUMNS} | metrics
    return Evaluation(name, {"metrics": values, "truth_ratio_aggregation": "arithmetic"}, EMPTY)


def test_comparison_keeps_order_values_and_gaps():
    table = comparison([made("b", forget_quality=3e-21), made("a", forget_quality=None)])
    assert list(table.index) == ["b", "a"]
    assert list(table.columns)[:4] == [
        "forget_quality",
        "forget_quality_log10_p",
        "forget_quality_statistic",
        "model_utility",
    ]
    assert len(table.columns) == 16
    assert table.at["b", "forget_quality"] == 3e-21
    assert math.isnan(table.at["a", "forget_quality"])
    assert table.at["a", "world_facts.truth_ratio"] == 0.25


def printed(evaluations: list[Evaluation], width: int, explain: bool | None = False) -> list[str]:
    stream = io.StringIO()
    print_table(evaluations, Console(file=stream, width=width, color_system=None), explain)
    return stream.getvalue().splitlines()


def test_the_precision_stands_below_the_numbers() -> None:
    one, two = made("one"), made("two")
    assert "Precision" not in "".join(printed([one, two], 100))  # an official log has none
    one.summary["precision"] = two.summary["precision"] = "fp32"
    assert printed([one, two], 100)[-1] == "Precision: fp32."
    two.summary["precision"] = "bf16"
    assert printed([one, two], 100)[-1].startswith("Precision: one fp32, two bf16. Rounding")


def test_terminal_table_fits_a_hundred_columns():
    names = ["A name this long", *SHAPES]
    lines = printed([made(name, forget_quality=3e-121) for name in names], 100)
    assert max(map(len, lines)) <= 100
    rows = [line for line in lines if line.startswith(tuple(names)) and "3e-121" in line]
    assert len(rows) == len(names)
    assert rows[0].split()[-16:] == ["long", "3e-121", *[".250"] * 14]
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_narrow_terminal_gets_several_tables(width: int) -> None:
    """No group of columns is split, no number is shortened, and every model is in each table."""
    names = ["HuggingFaceTB/SmolLM2-135M-Instruct", *SHAPES]
    lines = printed([made(name, forget_quality=3e-121) for name in names], width)
    assert max(map(len, lines)) <= width
    starts = [n for n, line in enumerate(lines) if line.startswith("Model")]
    heads = [lines[n].split()[1:] for n in starts]
    assert [short for head in heads for short in head] == ["FQ", "KS", "MU", *["P", "R", "TR"] * 4]
    assert len(heads) == {60: 3, 80: 2, 100: 2}[width]
    for start, head in zip(starts, heads, strict=True):
        assert head[-1] in ("MU", "TR")
        row = next(line for line in lines[start:] if line.startswith("SimNPO"))
        assert len(row.split()) == 1 + len(head)
    assert "…" not in "".join(lines)


def test_the_legend_is_one_line_and_the_rest_is_for_who_asks() -> None:
    short, silent = printed([made("NPO")], 80), printed([made("NPO")], 80, None)
    assert short[:-1] == silent[:-1]
    assert short[-1] == silent[-1] + " (--explain)"
    assert silent[-1].startswith("FQ forget quality, MU utility")
    long = " ".join(" ".join(printed([made("NPO")], 80, True)).split())
    assert all(sentence in long for sentence in caption([made("NPO")]))
    own = own_display(["forget", "retain"], ["forget.probability"])
    for view in (tofu.DISPLAY, muse.DISPLAY, multiple_choice_display(["craft"]), own):
        assert 0 < len(view.legend) <= 80 - len(" (--explain)")


@pytest.mark.parametrize(
    "command",
    ["evaluate --model x --out x", "compare x", "metrics tofu --scores x --out x"],
)
def test_commands_that_print_the_table_can_explain_it(command: str) -> None:
    for explain in (False, True):
        options = [*command.split(), *(["--explain"] if explain else [])]
        parsed: Any = parse(options)
        assert parsed.explain is explain


def test_terminal_table_prints_a_dash_for_a_gap_and_brackets_as_they_are():
    row = next(line for line in printed([made("[red]x", forget_quality=None)], 110) if "x" in line)
    assert row.split()[:3] == ["[red]x", "—", ".250"]


def test_a_name_with_control_characters_is_nothing_but_text():
    text = "\n".join(printed([made("x\x1b[31m\x07")], 200))
    assert r"x\x1b[31m\x07" in text and "\x1b" not in text and "\x07" not in text


def test_caption_explains_every_short_header():
    text = " ".join(caption([evaluation("NPO", items=4)]))
    for column in COLUMNS:
        assert column.short == "log₁₀ p" or column.short in text
    assert "geometric mean" in text


def test_numbers():
    assert fixed(0.12345) == "0.123"
    assert fixed(-3.0, 1) == "−3.0"
    assert fixed(math.nan) == "—"
    assert p_value(0.79) == "0.790"
    assert p_value(3.04e-21) == "3.0×10⁻²¹"
    assert p_value(9.99e-5) == "1.0×10⁻⁴"
    assert p_value(0.0) == "<10⁻³⁰⁷"
    assert p_value(math.nan) == "—"
    assert [written(one, "plain") for one in (0.05, 16.0, math.nan)] == ["0.05", "16", "—"]
    assert [compact(x) for x in (0.8734, 1.0, 3e-21, 0.0)] == [".873", "1.00", "3e-21", ".000"]
    assert compact(0.9999) == "1.00"
    assert [compact(x) for x in (39.65, -99.82, 100.0, -31.17, -0.5, 7.25)] == [
        "39.6",
        "-99.8",
        "100",
        "-31.2",
        "-.500",
        "7.25",
    ]
    assert [seconds(x) for x in (None, 3.21, 48.2, 725, 12000)] == [
        "—",
        "3.2 s",
        "48 s",
        "12 min 5 s",
        "3 h 20 min",
    ]


def test_no_zero_has_a_sign() -> None:
    assert fixed(-0.0004) == "0.000" and fixed(-0.0006) == "−0.001"
