"""Plain text for a terminal or a pipe: users' texts made harmless, everything within the width."""

import io
import sys
import unicodedata
from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

WIDTH = 80
"""Columns where nothing else is known."""
NARROWEST = 40
"""Columns at least: below them a line says nothing."""
_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # of scripts and emoji: harmless, and words are wrong without them
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def visible(text: str, breaks: bool = False) -> str:
    r"""Return a text whose control characters are escapes, such as `\n` and `\x1b`.

    Args:
        text: a user's or a model's.
        breaks: whether a line break is kept behind its escape, except at the end.
    """
    shown = "".join(_escaped(one) + ("\n" if breaks and one == "\n" else "") for one in text)
    return shown.rstrip("\n")


def _escaped(letter: str) -> str:
    if letter in _JOINERS or unicodedata.category(letter) not in _ESCAPED:
        return letter
    code = ord(letter)
    return _NAMED.get(letter) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def one_line(text: str, columns: int) -> str:
    """Return a text's visible form, truncated with an ellipsis to so many columns."""
    shown = Text(visible(text[: 4 * columns]))
    shown.truncate(columns, overflow="ellipsis")
    return shown.plain


def middle_left_out(text: str, characters: int) -> str:
    """Return a text of at most so many characters (and a note), its beginning and its end kept."""
    left = len(text) - characters
    if left <= 0:
        return text
    head = (characters + 1) // 2
    return f"{text[:head]} [… {left:,} characters …] {text[head + left :]}"


def as_text(parts: Iterable[RenderableType], width: int = WIDTH) -> str:
    """Return what rich makes of the parts at a width: lines of plain text, without colour.

    A string is taken as it is, without markup, and wrapped between words.
    """
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(width, NARROWEST),
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
    )
    for part in parts:
        console.print(part, overflow="fold")
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def write(text: str) -> None:
    """Print a text; what the output's encoding lacks becomes an escape."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def indented(label: str, text: str, columns: int) -> str:
    """Return a label and a text on one line, truncated with an ellipsis."""
    before = f"  {label}  "
    return before + one_line(text, max(1, columns - cell_len(before)))
