"""Texts laid out for a terminal: nothing too wide."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from simnpo.report.plain_text import as_text, indented, middle_left_out, one_line
from simnpo.system.terminal import visible


def test_one_line() -> None:
    assert one_line("a b", 3) == "a b" and one_line("a bc", 3) == "a …"
    assert one_line("東京都", 6) == "東京都" and cell_len(one_line("東京都市", 6)) <= 6
    assert one_line("[b]\n", 9) == r"[b]\n"
    assert indented("true", "abcdefgh", 13) == "  true  abcd…"


def test_the_middle_is_left_out() -> None:
    assert middle_left_out("abcdef", 6) == "abcdef"
    assert middle_left_out("abcdefg", 4) == "ab [… 3 characters …] fg"
    assert middle_left_out("a" * 5000, 3).startswith("aa [… 4,997 characters …] a")


@settings(max_examples=60, deadline=None)
@given(st.text(), st.integers(40, 120))
def test_nothing_is_wider_than_the_terminal(text: str, width: int) -> None:
    lines = as_text([visible(text, breaks=True)], width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert cell_len(one_line(text, width)) <= width
    assert visible(one_line(text, width)) == one_line(text, width)


def test_no_colour_whatever_the_environment_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "20")
    assert as_text(["[b]1 'two' http://three.example[/b] " + "x" * 60], 80).splitlines() == [
        "[b]1 'two' http://three.example[/b]",
        "x" * 60,
    ]
