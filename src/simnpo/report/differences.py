"""Where an answer differs from the reference, word by word."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from simnpo.data.normal_text import composed

COMPARED = 1000
"""Words of an answer, and of its reference, that are compared one by one."""


class Piece(NamedTuple):
    """A part of an answer."""

    text: str
    differs: bool
    """Whether its words are not the reference's at this place."""


def pieces(reference: str, text: str) -> Iterator[Piece]:
    """Part `text` into pieces that `reference` has in the same order, and pieces that it has not.

    Words are compared without regard to case and Unicode form; the white space after a word belongs
    to it. The pieces, joined, are `text`.
    """
    words = re.findall(r"\S+\s*|\s+", text)
    wanted, given = (
        [composed(word.strip().casefold()) for word in one] for one in (reference.split(), words)
    )
    if wanted == given:  # however long it is
        if text:
            yield Piece(text, False)
        return
    matcher = SequenceMatcher(None, wanted[:COMPARED], given[:COMPARED], autojunk=False)
    for kind, _, _, begin, end in matcher.get_opcodes():
        piece = "".join(words[begin:end])
        if kind == "equal":
            yield Piece(piece, False)
        elif piece:
            yield Piece(piece.rstrip(), True)
            yield Piece(piece[len(piece.rstrip()) :], False)
    if rest := "".join(words[COMPARED:]):
        yield Piece(rest, True)
