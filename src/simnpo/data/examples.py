"""The unit of training data: a question with its answer, or a plain text."""

from collections.abc import Sequence
from typing import NamedTuple

from simnpo.data.rows import Row, read_rows
from simnpo.errors import UserError


class Example(NamedTuple):
    """One training example; for plain text `question` is None and `answer` is the text."""

    question: str | None
    answer: str


def load_examples(
    source: str,
    question_column: str = "question",
    answer_column: str = "answer",
    text_column: str = "text",
) -> tuple[Example, ...]:
    """Read a forget or retain set.

    Args:
        source: file or hub dataset, see `simnpo.data.rows.read_rows`.
        question_column: with `answer_column`, makes question-answer examples.
        answer_column: see `question_column`.
        text_column: makes plain-text examples, where the two other columns are not there or this
            name was given.

    Raises:
        UserError: no row, a missing column, or an empty or non-text value (with its place).
    """
    rows = read_rows(source)
    columns = set(rows[0].values)
    if text_column != "text" and text_column in columns:  # named, so meant
        return tuple(Example(None, text_of(row, text_column)) for row in rows)
    if {question_column, answer_column} <= columns:
        return tuple(
            Example(text_of(row, question_column), text_of(row, answer_column)) for row in rows
        )
    if text_column in columns:
        return tuple(Example(None, text_of(row, text_column)) for row in rows)
    raise UserError(
        f"{rows[0].place}: found the columns {sorted(columns)}; need {question_column!r} and "
        f"{answer_column!r}, or {text_column!r}. Name yours with --question-column, "
        "--answer-column or --text-column."
    )


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
