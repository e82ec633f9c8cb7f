"""A user's rows as an evaluation reads them: the example, and what else its row says about it."""

import json
import math
from collections.abc import Iterable
from typing import NamedTuple

from simnpo.data.examples import Example, examples_of
from simnpo.data.rows import Row, read_rows
from simnpo.errors import UserError

PARAPHRASE, PERTURBED, IDENTIFIERS = "paraphrased_answer", "perturbed_answer", "identifiers"
"""Optional columns of a set of questions."""


class OwnRow(NamedTuple):
    """An example with the optional columns of its row."""

    example: Example
    paraphrase: str | None = None
    """The true answer in other words."""
    perturbed: tuple[str, ...] = ()
    """Wrong answers of the same form."""
    identifiers: tuple[str, ...] | None = None
    """Strings of the answer that must not come out; None where the row does not name any, so that
    they are looked for in the answer."""
    place: str = ""
    """Where the row is, e.g. `forget.jsonl, line 3`."""


def load_own_rows(
    source: str,
    question_column: str = "question",
    answer_column: str = "answer",
    text_column: str = "text",
    topic_column: str | None = None,
    alternate_column: str | None = None,
) -> tuple[OwnRow, ...]:
    """Read a set with its optional columns.

    Args:
        source: file, folder or hub dataset, see `simnpo.data.rows.read_rows`.
        question_column: see `load_examples`.
        answer_column: see `load_examples`.
        text_column: see `load_examples`.
        topic_column: see `load_examples`.
        alternate_column: see `load_examples`.

    Raises:
        UserError: see `load_examples`; or an optional column holds something other than text.
    """
    rows = read_rows(source)
    examples = examples_of(
        rows, question_column, answer_column, text_column, topic_column, alternate_column
    )
    return tuple(_own_row(row, example) for row, example in zip(rows, examples, strict=True))


def numbered(name: str, examples: Iterable[Example]) -> tuple[OwnRow, ...]:
    """Return examples that come from no file as rows of a set; their places are their numbers."""
    return tuple(
        OwnRow(example, place=f"{name}, row {number}") for number, example in enumerate(examples, 1)
    )


def _own_row(row: Row, example: Example) -> OwnRow:
    paraphrases = _texts(row, PARAPHRASE) or ()
    if len(paraphrases) > 1:
        raise UserError(f"{row.place}: {PARAPHRASE!r} must be one text, got {len(paraphrases)}.")
    return OwnRow(
        example,
        paraphrases[0] if paraphrases else None,
        _texts(row, PERTURBED) or (),
        _texts(row, IDENTIFIERS),
        row.place,
    )


def _texts(row: Row, column: str) -> tuple[str, ...] | None:
    """Return the texts in a column that holds one or a list of them; None where it has no value.

    A table of text (CSV) cannot hold a list, so a list in JSON is one, too.
    """
    value = row.values.get(column)
    if isinstance(value, str):
        listed = _listed(row.place, column, value)
        return ((value,) if value.strip() else None) if listed is None else listed
    if value is None or (isinstance(value, float) and math.isnan(value)):  # NaN is pandas' null
        return None
    if not isinstance(value, Iterable) or isinstance(value, dict | bytes):
        raise _not_texts(row.place, column, value)
    texts = tuple(value)
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise _not_texts(row.place, column, list(texts))
    return texts


def _listed(place: str, column: str, value: str) -> tuple[str, ...] | None:
    if not value.startswith("["):
        return None
    try:
        texts = json.loads(value)
    except (ValueError, RecursionError):
        if value.startswith(("['", '["')):
            raise UserError(
                f"{place}: {column!r} looks like a list but is not JSON: {value!r:.80}. Write it "
                'as ["one", "two"].'
            ) from None
        return None
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise _not_texts(place, column, texts)
    return tuple(texts)


def _not_texts(place: str, column: str, value: object) -> UserError:
    return UserError(f"{place}: {column!r} must be text or a list of texts, got {value!r:.80}.")
