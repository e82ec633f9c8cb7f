"""Users' and models' texts on a terminal: nothing but text."""

import io

import pytest
from rich.console import Console

from simnpo.cli import main as cli
from simnpo.errors import UserError
from simnpo.system import progress as progress_module
from simnpo.system.notes import note_once
from simnpo.system.progress import progress
from simnpo.system.terminal import visible, write

HOSTILE = "\x1b]0;title\x07\x9b2J\r\x00\x7f\u202e"
HARMLESS = r"\x1b]0;title\x07\x9b2J\r\x00\x7f\u202e"


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


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_is_written_keeps_its_lines_and_tabs(
    capsys: pytest.CaptureFixture[str], stream: str
) -> None:
    write(f"a\tb\n{HOSTILE}\u200d", end="|", to_stderr=stream == "stderr")
    write(r"\x1b", to_stderr=stream == "stderr")
    assert getattr(capsys.readouterr(), stream[3:]) == f"a\tb\n{HARMLESS}\u200d|\\x1b\n"


def test_errors_notes_and_progress_are_nothing_but_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Mistaken:
        def run(self) -> None:
            note_once(HOSTILE)
            monkeypatch.setattr(progress_module, "LOG_EVERY", 0.0)
            with progress(HOSTILE, 2) as advance:
                advance(1, HOSTILE)
            raise UserError(HOSTILE)

    monkeypatch.setattr(cli, "parse", lambda arguments: Mistaken())
    assert cli.main(["compare"]) == 1
    error = capsys.readouterr().err
    assert error.count(HARMLESS) == 4 and visible(error.replace("\n", "")) == error.replace(
        "\n", ""
    )


def test_a_bar_is_nothing_but_text(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()

    def console(stderr: bool) -> Console:
        return Console(file=shown, force_terminal=True, width=300, color_system=None)

    monkeypatch.setattr(progress_module, "Console", console)
    with progress(f"[b]{HOSTILE}[/b]", 2, 60) as advance:
        advance(1, f"[b]{HOSTILE}[/b]")
    assert shown.getvalue().count(f"[b]{HARMLESS}[/b]") >= 2 and HOSTILE not in shown.getvalue()


def test_a_pipe_that_knows_few_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    write("a … ─ é 東")
    assert raw.getvalue().decode("latin-1").rstrip() == r"a \u2026 \u2500 é \u6771"
