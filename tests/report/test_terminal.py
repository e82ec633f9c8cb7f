"""Users' texts on a terminal: nothing but text, nothing too wide."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from simnpo.report.terminal import as_text, indented, middle_left_out, one_line, visible, write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x9b1m\x00\x7f", r"\x9b1m\x00\x7f"),
        ("user\u202etxt\u2028", r"user\u202etxt\u2028"),
        ("\ud800", r"\ud800"),
        ("[red]x[/red] :smile: 東京 é e\u0301", "[red]x[/red] :smile: 東京 é e\u0301"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
    ],
)
def test_control_characters_are_escapes(text: str, expected: str) -> None:
    assert visible(text) == expected


def test_line_breaks_kept_behind_their_escapes() -> None:
    assert visible("a\nb\n", breaks=True) == "a\\n\nb\\n"


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


def test_a_pipe_that_knows_few_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    write("a … ─ é 東")
    assert raw.getvalue().decode("latin-1").rstrip() == r"a \u2026 \u2500 é \u6771"
