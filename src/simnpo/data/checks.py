"""What a user's sets must be to each other: nothing both forgotten and kept, an unseen holdout."""

import copy
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simnpo.data.encoding import Encoder
from simnpo.data.normal_text import comparable
from simnpo.data.own_rows import OwnRow
from simnpo.errors import UserError

SHOWN = 3
"""Places that a message lists."""


class Shared(NamedTuple):
    """What two sets have in common, as pairs of places."""

    rows: tuple[tuple[str, str], ...]
    """The same question with the same answer, or the same text."""
    questions: tuple[tuple[str, str], ...]
    """The same question with another answer."""


def check_sets(
    forget: Sequence[OwnRow],
    retain: Sequence[OwnRow] = (),
    holdout: Sequence[OwnRow] = (),
    also: Mapping[str, Sequence[OwnRow]] | None = None,
) -> list[str]:
    """Return warnings about rows that are in two sets.

    Rows count as the same whatever their Unicode form, case, white space, and kind of dashes and
    quotes.

    Args:
        forget: what is to be forgotten.
        retain: what is to be kept; may be empty.
        holdout: what no model has seen; may be empty.
        also: further sets by name.

    Raises:
        UserError: a set that must have rows has none, all that is to be forgotten is also to be
            kept, or a row of the holdout is in a set that models see.
    """
    if not forget:
        raise UserError("the forget set has no rows; give at least one.")
    for name, rows in (also or {}).items():
        if not rows:
            raise UserError(f"the set {name!r} has no rows; give at least one.")
    warnings = _check_retain(forget, retain)
    for name, seen in (("forget", forget), ("retain", retain)):
        found = shared(holdout, seen)
        if found.rows:
            raise UserError(
                f"{_count(found.rows, len(holdout))} of the holdout are in the {name} set, but no "
                f"model may have seen a holdout: {_places(found.rows)} Remove them from one "
                "of the two."
            )
        if found.questions:
            warnings.append(
                f"{len(found.questions)} of {len(holdout)} questions of the holdout are in the "
                f"{name} set with another answer: {_places(found.questions)}"
            )
    return warnings


def _check_retain(forget: Sequence[OwnRow], retain: Sequence[OwnRow]) -> list[str]:
    warnings, found = [], shared(forget, retain)
    if len(found.rows) == len(forget):
        same = "are the same" if len(retain) == len(forget) else "would keep all that is forgotten"
        raise UserError(
            f"the forget and the retain set {same}: {_places(found.rows)} Remove these rows from "
            "the retain set."
        )
    if found.rows:
        warnings.append(
            f"{_count(found.rows, len(forget))} of the forget set are in the retain set too, so "
            f"they are both forgotten and kept: {_places(found.rows)} Remove them from one of "
            "the two."
        )
    if found.questions:
        warnings.append(
            f"{len(found.questions)} of {len(forget)} questions of the forget set are in the "
            f"retain set with another answer: {_places(found.questions)}"
        )
    return warnings


def shared(first: Sequence[OwnRow], second: Sequence[OwnRow]) -> Shared:
    """Return the rows of one set that are in another."""
    rows = {_row_key(row): row.place for row in reversed(second)}
    questions = {_question_key(row): row.place for row in reversed(second)}
    same, asked = [], []
    for row in first:
        if _row_key(row) in rows:
            same.append((row.place, rows[_row_key(row)]))
        elif row.example.question is not None and _question_key(row) in questions:
            asked.append((row.place, questions[_question_key(row)]))
    return Shared(tuple(same), tuple(asked))


def check_lengths(name: str, rows: Sequence[OwnRow], encoder: Encoder) -> list[str]:
    """Return a warning if the length limit takes the end of answers away.

    Plain texts are split into several pieces instead.

    Args:
        name: what the message calls the set.
        rows: its rows.
        encoder: has the limit.

    Raises:
        UserError: a row cannot be encoded, for instance since its question alone exceeds the
            limit; the message names the row.
    """
    unlimited = copy.copy(encoder)
    unlimited.max_length = sys.maxsize
    asked = [(row, row.example.question) for row in rows if row.example.question is not None]
    long: list[tuple[int, str]] = []
    for row, question in asked:
        try:
            encoded = unlimited.encode(question, row.example.answer)
        except UserError as error:
            raise UserError(f"{row.place}: {error}") from None
        if encoded.start >= encoder.max_length:
            raise UserError(
                f"{row.place}: the question takes {encoded.start} tokens, so ``max_length`` "
                f"{encoder.max_length} leaves none of its answer; raise it or shorten the question."
            )
        if len(encoded.ids) > encoder.max_length:
            long.append((len(encoded.ids), row.place))
    if not long:
        return []
    places = "; ".join(f"{place} ({tokens} tokens)" for tokens, place in long[:SHOWN])
    end = "; ..." if len(long) > SHOWN else "."
    return [
        f"{len(long)} of {len(asked)} answers of the {name} lose their end, since --max-length "
        f"is {encoder.max_length}: {places}{end} The longest takes {max(long)[0]} tokens."
    ]


def _row_key(row: OwnRow) -> tuple[str | None, str]:
    return _question_key(row), comparable(row.example.answer)


def _question_key(row: OwnRow) -> str | None:
    question = row.example.question
    return None if question is None else comparable(question)


def _count(found: Sequence[object], rows: int) -> str:
    return f"{len(found)} of {rows} rows"


def _places(pairs: Sequence[tuple[str, str]]) -> str:
    listed = "; ".join(f"{one} = {other}" for one, other in pairs[:SHOWN])
    return listed + ("; ..." if len(pairs) > SHOWN else ".")
