"""One row exactly as a model sees it, and what its prompt depends on: for records and reports."""

import hashlib
import sys
from collections.abc import Sequence

from simnpo.data.encoding import Encoder
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError

MOST_CHARACTERS = 2000
"""Of a rendered prompt or answer that is recorded."""


def decoded(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """Return what ids say, with their special tokens and all spaces."""
    return str(
        tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    )


def prompt_record(
    encoder: Encoder, question: str | None = None, answer: str = "", verbatim: bool = False
) -> dict[str, object]:
    """Return what `run.json` and `summary.json` say of the prompts.

    Args:
        encoder: what makes token ids of rows.
        question: of the row that is shown; None shows `answer` as a plain text.
        answer: of that row; empty shows none.
        verbatim: whether the question is asked as it stands, without a template.
    """
    template, tokenizer = encoder.template, encoder.tokenizer
    found: dict[str, object] = {
        "template": template.name,
        "template_hash": hashlib.sha256(template.source.encode()).hexdigest()[:16],
        "tokenizer_class": type(tokenizer).__name__,
    }
    if template.writes_date:
        found["date"] = encoder.settings.date
    if not answer.strip():
        return found
    try:
        if question is None:
            text = encoder.encode_beginning(answer).ids
            return found | {"example": {"text": _short(decoded(tokenizer, text))}}
        if verbatim:
            row = encoder.encode_verbatim(question, answer, sys.maxsize)
        else:
            row = encoder.encode(question, answer)
    except UserError:  # whoever scores the row says what is wrong with it
        return found
    parts = {"prompt": row.ids[: row.start], "answer": row.ids[row.start :]}
    shown = {name: _short(decoded(tokenizer, ids)) for name, ids in parts.items()}
    return found | {"example": shown}


def _short(text: str) -> str:
    left = len(text) - MOST_CHARACTERS
    if left <= 0:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]} [… {left:,} characters …] {text[half + left :]}"
