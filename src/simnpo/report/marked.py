"""Sentences with a little markup: what is typed, what stands out, and links within a page."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["text", "code", "strong", "link"]
_MARKED = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\[(?P<link>[^]]+)\]\(#(?P<to>[\w-]+)\)"
)


class Piece(NamedTuple):
    """A piece of a sentence."""

    kind: Kind
    text: str
    target: str = ""
    """The anchor that a link leads to."""


def marked(sentence: str) -> Iterator[Piece]:
    """Split a sentence at `` `x` ``, `**x**` and `[x](#anchor)`."""
    end = 0
    for found in _MARKED.finditer(sentence):
        if found.start() > end:
            yield Piece("text", sentence[end : found.start()])
        end = found.end()
        if found["code"]:
            yield Piece("code", found["code"])
        elif found["strong"]:
            yield Piece("strong", found["strong"])
        else:
            yield Piece("link", found["link"], found["to"])
    if end < len(sentence):
        yield Piece("text", sentence[end:])
