"""The unit of training data: a question with its answer, or a plain text."""

from collections.abc import Sequence
from typing import NamedTuple

from simnpo.data.rows import Row, read_rows
from simnpo.errors import UserError


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
    question_column: str = "question",
    answer_column: str = "answer",
    text_column: str = "text",
    topic_column: str | None = None,
    alternate_column: str | None = None,
) -> tuple[Example, ...]:
    """Read a forget or retain set.

    Args:
        source: file or hub dataset, see `simnpo.data.rows.read_rows`.
        question_column: with `answer_column`, makes question-answer examples.
        answer_column: see `question_column`.
        text_column: makes plain-text examples, where the two other columns are not there or this
            name was given.
        topic_column: where an example's topic stands; without it all are of one.
        alternate_column: where a question's alternate answer stands, if it is wanted.

    Raises:
        UserError: no row, a missing column, or an empty or non-text value (with its place).
    """
    rows = read_rows(source)
    return examples_of(
        rows, question_column, answer_column, text_column, topic_column, alternate_column
    )


def examples_of(
    rows: Sequence[Row],
    question_column: str = "question",
    answer_column: str = "answer",
    text_column: str = "text",
    topic_column: str | None = None,
    alternate_column: str | None = None,
) -> tuple[Example, ...]:
    """Return the example in each of the rows of a set; see `load_examples`.

    Raises:
        UserError: a missing column, or an empty or non-text value (with its place).
    """
    columns = set(rows[0].values)
    asked = {question_column, answer_column} <= columns
    named = text_column != "text" and text_column in columns  # so it is meant
    if not asked and text_column not in columns:
        raise UserError(
            f"{rows[0].place}: found the columns {sorted(columns)}; need {question_column!r} and "
            f"{answer_column!r}, or {text_column!r}. Name yours with --question-column, "
            "--answer-column or --text-column."
        )
    plain = named or not asked  # and has no questions that an alternate could answer
    if alternate_column and not plain and alternate_column not in columns:
        raise UserError(
            f"{rows[0].place}: found the columns {sorted(columns)}, and none is "
            f"{alternate_column!r}: name that of the alternate answers with --alternate-column."
        )

    def example(row: Row) -> Example:
        topic = text_of(row, topic_column) if topic_column else ""
        if plain:
            return Example(None, text_of(row, text_column), topic)
        alternate = text_of(row, alternate_column) if alternate_column else None
        return Example(text_of(row, question_column), text_of(row, answer_column), topic, alternate)

    return tuple(example(row) for row in rows)


def text_of(row: Row, column: str) -> str:
    """Return the non-empty text in `column` of `row`.

    Raises:
        UserError: the column is missing, not text, or empty.
    """
    if column not in row.values:
        raise UserError(f"{row.place}: no column {column!r}; it has {sorted(row.values)}.")
    value = row.values[column]
    if not isinstance(value, str):
        raise UserError(f"{row.place}: {column!r} must be text, got {value!r:.80}.")
    if not value.strip():
        raise UserError(f"{row.place}: {column!r} is empty.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{row.place}: {column!r} is no valid text ({error.reason}).") from None
    return value


def shared_questions(forget: Sequence[Example], retain: Sequence[Example]) -> int:
    """Count the forget examples whose question (or text) is also in the retain set."""

    def key(example: Example) -> str:
        return (example.question or example.answer).strip()

    kept = {key(example) for example in retain}
    return sum(key(example) in kept for example in forget)
