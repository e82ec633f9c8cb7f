"""A model's own answers to everyday questions, which unlearning is to leave as they were."""

from pathlib import Path
from typing import Any

from simnpo.benchmarks.everyday_prompts import EVERYDAY
from simnpo.data.encoding import Encoder
from simnpo.data.identifiers import identifiers_of
from simnpo.evaluation.general import reference_answers
from simnpo.evaluation.general_reference import GeneralReference, vocabulary_hash
from simnpo.models import longest_sequence
from simnpo.system import distributed

FILE = "everyday.safetensors"
"""The answers with their distributions, in a run's folder."""
MAX_NEW_TOKENS = 32
"""An answer that is longer is kept as far as that."""


def everyday_answers(
    folder: Path, model: Any, encoder: Encoder, earlier: Path | None = None
) -> GeneralReference | None:
    """Return a model's greedy answers to everyday questions, with its distributions at each token.

    They are written to `folder`, so that a run that is resumed keeps the same. Where the model is
    itself the result of such a run, in `earlier`, they are those of the model before that: else
    each request after request would keep a little less of it.

    Args:
        folder: of the run.
        model: as it is before training.
        encoder: its tokenizer, bound to a template.
        earlier: folder of a run that made the model.

    Returns:
        None where there is no answer to keep: the model can read none of the questions with one, or
        all of them hold what identifies somebody, as records do. Such answers are left out.

    Raises:
        UserError: what is in one of the folders cannot be read.
    """
    questions = _that_fit(model, encoder)
    if not questions:
        return None
    for place in (folder, earlier):
        if place is not None and (place / FILE).is_file():
            found = GeneralReference.load(place / FILE)
            if _is_of(found, questions, encoder):
                break
    else:
        was_training = model.training
        model.eval()
        asked = reference_answers(model, encoder, questions, MAX_NEW_TOKENS)
        model.train(was_training)
        # A model that recites its data when it is asked for something else is not to be kept so.
        rows = [row for row, one in enumerate(asked.answers) if not identifiers_of(one)]
        if not rows:
            return None
        found = asked.only(rows)
    if distributed.is_main():
        found.save(folder / FILE)
    distributed.barrier()
    return found


def _that_fit(model: Any, encoder: Encoder) -> list[str]:
    longest = min(encoder.max_length, longest_sequence(model) or encoder.max_length)
    return [one for one in EVERYDAY if len(encoder.prompt(one)) + MAX_NEW_TOKENS <= longest]


def _is_of(found: GeneralReference, questions: list[str], encoder: Encoder) -> bool:
    """Tell whether answers are to some of the same prompts, of the same tokens."""
    same = set(found.prompts) <= set(questions) and all(
        one.ids[: one.start] == encoder.prompt(prompt)
        for prompt, one in zip(found.prompts, found.encoded, strict=True)
    )
    return same and found.vocabulary == vocabulary_hash(encoder.tokenizer)
