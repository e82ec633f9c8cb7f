"""The unit of training data: a question with its answer, or a plain text."""

from collections.abc import Sequence
from typing import NamedTuple

from simnpo.data.layouts import ANSWER, QUESTION, TEXT, find_layout, listed, text_of
from simnpo.data.rows import Row, read_rows
from simnpo.errors import UserError
from simnpo.system.notes import note_once


class Example(NamedTuple):
    """One training example; for plain text `question` is None and `answer` is the text."""

    question: str | None
    answer: str
    topic: str = ""
    """What it is about, for a method that forgets topics apart (RMU)."""
    alternate: str | None = None
    """A plausible answer in the true one's place, for a method that asks for it (AltPO)."""


def load_examples(
    source: str,
    question_column: str = QUESTION,
    answer_column: str = ANSWER,
    text_column: str = TEXT,
    topic_column: str | None = None,
    alternate_column: str | None = None,
) -> tuple[Example, ...]:
    """Read a forget or retain set.

    Args:
        source: file, folder or hub dataset, see `simnpo.data.rows.read_rows`.
        question_column: with `answer_column`, makes question-answer examples; columns with other
            names that are known are found by themselves, see `simnpo.data.layouts.find_layout`.
        answer_column: see `question_column`.
        text_column: makes plain-text examples, where there are no questions or this name was given.
        topic_column: where an example's topic is; without it all are of one.
        alternate_column: where a question's alternate answer is, if it is wanted.

    Raises:
        UserError: no row, a missing column, or an empty or non-text value (with its place).
    """
    return examples_of(
        read_rows(source),
        question_column,
        answer_column,
        text_column,
        topic_column,
        alternate_column,
    )


def examples_of(
    rows: Sequence[Row],
    question_column: str = QUESTION,
    answer_column: str = ANSWER,
    text_column: str = TEXT,
    topic_column: str | None = None,
    alternate_column: str | None = None,
) -> tuple[Example, ...]:
    """Return the example in each of the rows of a set; see `load_examples`.

    Raises:
        UserError: a missing column, or an empty or non-text value (with its place).
    """
    first = rows[0]
    layout = find_layout(first, question_column, answer_column, text_column)
    if layout.note:
        note_once(f"Note: {first.place}: {layout.note}.")
    if alternate_column and not layout.plain and alternate_column not in first.values:
        raise UserError(
            f"{first.place}: found the columns {listed(first.values)}, and none is "
            f"{alternate_column!r}: name that of the alternate answers with ``alternate_column``."
        )

    def example(row: Row) -> Example:
        topic = text_of(row, topic_column) if topic_column else ""
        question, answer = layout.read(row)
        if question is None or not alternate_column:
            return Example(question, answer, topic)
        return Example(question, answer, topic, text_of(row, alternate_column))

    return tuple(example(row) for row in rows)
