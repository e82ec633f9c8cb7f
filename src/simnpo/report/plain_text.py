"""Plain text for a terminal or a pipe, laid out within a width."""

import io
from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from simnpo.system.terminal import visible, write

WIDTH = 80
"""Columns where nothing else is known."""
NARROWEST = 40
"""Columns at least: below them a line says nothing."""


def upper_first(text: str) -> str:
    """Return a text whose first letter is a capital."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Return a text whose first letter is small."""
    return text[:1].lower() + text[1:]


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


def write_wrapped(text: str) -> None:
    """Print a text, wrapped between words."""
    write(as_text([visible(text)]))


def indented(label: str, text: str, columns: int) -> str:
    """Return a label and a text on one line, truncated with an ellipsis."""
    before = f"  {label}  "
    return before + one_line(text, max(1, columns - cell_len(before)))
