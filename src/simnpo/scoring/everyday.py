"""A model's own answers to everyday questions: trained on, they keep the rest of it as it was."""

import json
from pathlib import Path
from typing import Any

from simnpo import distributed
from simnpo.benchmarks.everyday_prompts import EVERYDAY
from simnpo.data.encoding import Encoded, Encoder
from simnpo.errors import UserError
from simnpo.files import write_text
from simnpo.models import longest_sequence
from simnpo.scoring.generate import answer_ids

ANSWERS = "everyday.jsonl"
"""The questions with their answers, in a run's folder."""
MAX_NEW_TOKENS = 48
"""An answer that is longer is trained on as far as that, without an end."""


def everyday_answers(
    folder: Path, model: Any, encoder: Encoder, count: int, earlier: Path | None = None
) -> list[Encoded]:
    """Return everyday questions with a model's greedy answers, as it reads them.

    They are kept in `folder`, so that a run that is resumed trains on the same. Where the model is
    itself the result of such a run, in `earlier`, the answers are those of the model before that:
    else each request after request would keep a little less of it.

    Args:
        folder: of the run.
        model: as it is before training.
        encoder: its tokenizer, bound to a template.
        count: how many questions are asked, at most all; those that do not fit are left out.
        earlier: folder of a run that made the model.
    """
    for place in (folder, earlier):
        if place is not None and (kept := _read(place / ANSWERS, encoder, count)) is not None:
            found = kept
            break
    else:
        found = _ask(model, encoder, count)
    if distributed.is_main():
        rows = (
            {"question": question, "answer": encoder.tokenizer.decode(one.ids[one.start :]),
             "ids": one.ids, "start": one.start}
            for question, one in found
        )  # fmt: skip
        write_text(folder / ANSWERS, "".join(f"{json.dumps(row)}\n" for row in rows))
    distributed.barrier()
    return [one for _, one in found]


def _ask(model: Any, encoder: Encoder, count: int) -> list[tuple[str, Encoded]]:
    longest = min(encoder.max_length, longest_sequence(model) or encoder.max_length)
    asked = [(question, encoder.prompt(question)) for question in EVERYDAY[:count]]
    asked = [(question, ids) for question, ids in asked if len(ids) + MAX_NEW_TOKENS < longest]
    answers = answer_ids(model, encoder, [(ids, MAX_NEW_TOKENS) for _, ids in asked])
    found = []
    for (question, ids), answer in zip(asked, answers, strict=True):
        end = (encoder.template.end_id,) if len(answer) < MAX_NEW_TOKENS else ()
        if answer:
            found.append((question, Encoded((*ids, *answer, *end), len(ids))))
    return found


def _read(path: Path, encoder: Encoder, count: int) -> list[tuple[str, Encoded]] | None:
    """Return what is kept in `path`; None where it is not there or of other prompts.

    Raises:
        UserError: it cannot be read.
    """
    if not path.is_file():
        return None
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = [
            (str(row["question"]), Encoded(tuple(map(int, row["ids"])), int(row["start"])))
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}, everyday answers, cannot be read: {error!r:.200}") from None
    known = set(EVERYDAY[:count])
    alike = all(q in known and encoder.prompt(q) == one.ids[: one.start] for q, one in found)
    return found if found and alike else None
