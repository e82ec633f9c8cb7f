"""Sentences with a little markup: what is typed, what stands out, and links within a page."""

import re
from typing import NamedTuple

_MARKED = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\[([^]]+)\]\(#([\w-]+)\)")


class Piece(NamedTuple):
    """Plain text and, after it, one of the others."""

    plain: str
    code: str | None = None
    strong: str | None = None
    link: str | None = None
    target: str | None = None
    """The anchor that `link` leads to."""


def marked(sentence: str) -> list[Piece]:
    """Split a sentence after each `` `x` ``, `**x**` and `[x](#anchor)`."""
    pieces = iter([*_MARKED.split(sentence), None, None, None, None])
    return [Piece(*piece) for piece in zip(*[pieces] * 5, strict=True)]
