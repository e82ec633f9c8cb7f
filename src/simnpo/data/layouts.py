"""Where a row's question and answer are: which columns of a file mean what."""

import difflib
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from simnpo.data.messages import as_messages, as_turns, is_list, question_and_answer
from simnpo.data.rows import Row
from simnpo.errors import UserError

QUESTION, ANSWER, TEXT = "question", "answer", "text"
"""Our own names of the columns."""
ALIASES = {
    "question_column": ("question", "query", "prompt", "instruction", "input", "problem"),
    "answer_column": ("answer", "response", "reply", "output", "completion", "target", "label"),
    "text_column": ("text", "content", "body", "document", "passage", "story"),
}
"""What columns are called that could be named with each option."""
MOST_CHARACTERS = 20_000_000
"""Of a value: a tokenizer needs gigabytes for more, and ends the process where it has none."""
SHOWN = 12
"""Columns that an error lists."""


class Layout(NamedTuple):
    """How a file's rows are read."""

    columns: tuple[str, ...]
    """Those that are read."""
    read: Callable[[Row], tuple[str | None, str]]
    """Returns a row's question, None for a plain text, and its answer or text."""
    plain: bool = False
    """Whether the rows are plain texts."""
    note: str = ""
    """What a user should know about the choice: empty where the columns leave none."""


def find_layout(
    row: Row,
    question_column: str = QUESTION,
    answer_column: str = ANSWER,
    text_column: str = TEXT,
) -> Layout:
    """Return the layout of a file by its first row.

    The first of these that the row has is taken: the columns of the arguments; `question` and
    `answer`; `messages`; `conversations`; `prompt` and `completion`; `instruction` and `output`
    (with `input`); `instruction` and `response` (with `context`); `text`. A question and its answer
    may be lists of messages, too.

    Args:
        row: a file's first.
        question_column: the name given for the question's column.
        answer_column: the name given for the answer's.
        text_column: the name given for a plain text's.

    Raises:
        UserError: the row has none of them, or only one of two columns that were named.
    """
    columns = row.values.keys()
    pair = (question_column, answer_column)
    named = [name for name in pair if name not in (QUESTION, ANSWER)]
    wanted = [
        *([_text(text_column)] if text_column != TEXT else []),
        *([_pair(*pair)] if named else []),
    ]
    known = [
        *wanted,
        _pair(QUESTION, ANSWER),
        Layout(("messages",), lambda one: question_and_answer(one.place, *_of(one, "messages"))),
        Layout(("conversations",), _conversation),
        _pair("prompt", "completion"),
        Layout(("instruction", "output"), partial(_instruction, "output", "input")),
        Layout(("instruction", "response"), partial(_instruction, "response", "context")),
        _text(TEXT),
    ]
    missing = [name for name in pair if name not in columns]
    if named and len(missing) == 1:
        option = "question_column" if missing[0] == question_column else "answer_column"
        raise UserError(
            f"{row.place}: no column {missing[0]!r}; found the columns {listed(columns)}. Name the "
            f"right one with ``{option}``."
        )
    found = [layout for layout in known if columns >= set(layout.columns)]
    if not found:
        need = f"need {question_column!r} and {answer_column!r}, or {text_column!r}"
        raise UserError(
            f"{row.place}: found the columns {listed(columns)}; {need}. {_advice(columns)}"
        )
    return found[0]._replace(note=_note(found, wanted))


def text_of(row: Row, column: str) -> str:
    """Return the non-empty text in `column` of `row`.

    Raises:
        UserError: the column is missing, not text, empty, or longer than `MOST_CHARACTERS`.
    """
    if column not in row.values:
        raise UserError(f"{row.place}: no column {column!r}; it has {listed(row.values)}.")
    value = row.values[column]
    if not isinstance(value, str):
        raise UserError(f"{row.place}: {column!r} must be text, got {value!r:.80}.")
    if not value.strip():
        raise UserError(f"{row.place}: {column!r} is empty.")
    if len(value) > MOST_CHARACTERS:
        raise UserError(
            f"{row.place}: {column!r} has {len(value):,} characters, and tokenizers take up to "
            f"{MOST_CHARACTERS:,} at a time; split it into several rows or files."
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{row.place}: {column!r} is not valid text ({error.reason}).") from None
    return value


def listed(columns: Iterable[str]) -> str:
    """Return the names of columns for an error."""
    names = sorted(columns)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{names[:SHOWN]}{more}"


def _pair(question: str, answer: str) -> Layout:
    return Layout((question, answer), partial(_asked_and_answered, question, answer))


def _text(column: str) -> Layout:
    return Layout((column,), lambda row: (None, text_of(row, column)), plain=True)


def _of(row: Row, column: str) -> tuple[str, object]:
    if column not in row.values:
        raise UserError(f"{row.place}: no column {column!r}; it has {listed(row.values)}.")
    return column, row.values[column]


def _asked_and_answered(question: str, answer: str, row: Row) -> tuple[str, str]:
    (_, asked), (_, answered) = _of(row, question), _of(row, answer)
    if not is_list(asked):
        return text_of(row, question), text_of(row, answer)
    messages = [*as_messages(row.place, question, asked), *as_messages(row.place, answer, answered)]
    return question_and_answer(row.place, f"{question} + {answer}", messages)


def _conversation(row: Row) -> tuple[str, str]:
    column, turns = _of(row, "conversations")
    return question_and_answer(row.place, column, as_turns(row.place, column, turns))


def _instruction(answer: str, context: str, row: Row) -> tuple[str, str]:
    instruction, answered = text_of(row, "instruction"), text_of(row, answer)
    given = row.values.get(context)
    if isinstance(given, str) and given.strip():
        instruction = f"{instruction}\n\n{text_of(row, context)}"
    return instruction, answered


def _note(found: list[Layout], wanted: list[Layout]) -> str:
    """Return what was chosen, where the columns or the options allow something else."""
    taken = found[0].columns
    left = [one.columns for one in found[1:] if one.columns != taken]
    absent = [] if any(one.columns == taken for one in wanted) else [one.columns for one in wanted]
    parts = [
        f"there is no {', no '.join(map(_named, absent))}" if absent else "",
        f"{', '.join(map(_named, left))} not read" if left else "",
    ]
    summary = "; ".join(filter(None, parts))
    return f"reading {_named(taken)}; {summary}" if summary else ""


def _named(columns: tuple[str, ...]) -> str:
    return " and ".join(map(repr, columns))


def _advice(columns: Iterable[str]) -> str:
    """Return how to name the columns, with those that look like what is needed."""
    names = {name.lower(): name for name in columns}
    likely = {}
    for option, aliases in ALIASES.items():
        close = [
            match for alias in aliases for match in difflib.get_close_matches(alias, names, 1, 0.75)
        ]
        if close:
            likely[option] = f"``{option}={names[close[0]]}``"
    question, answer, text = ALIASES
    if question in likely and answer in likely:
        return f"Perhaps {likely[question]} {likely[answer]}."
    if text in likely:
        return f"Perhaps {likely[text]}."
    return "Name yours with ``question_column``, ``answer_column`` or ``text_column``."
