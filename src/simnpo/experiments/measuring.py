"""Measurements of a run on own data while it trains, from scoring alone."""

import copy
from collections.abc import Sequence

import numpy as np

from simnpo.benchmarks.own import PASSAGE, OwnSets, evenly_spaced
from simnpo.data.encoding import Encoded, Encoder
from simnpo.data.identifiers import identifiers_of
from simnpo.data.leaks import secret_parts
from simnpo.data.own_rows import OwnRow
from simnpo.data.spans import token_spans
from simnpo.evaluation.general import general_ability
from simnpo.evaluation.general_reference import GeneralReference
from simnpo.evaluation.quick import quick_scores
from simnpo.experiments.jobs import Job
from simnpo.methods.base import REFUSAL
from simnpo.models.causal_lm import CausalLM
from simnpo.training.target import Point

CONTROL_ROWS = 100
"""Retain rows that are scored at most, or as many as are forgotten."""


def teaches_refusals(job: Job) -> bool:
    """Return whether a job's method teaches the model to refuse."""
    forget = getattr(job.method, "forget", None)
    return forget is not None and REFUSAL in forget.answers


class Measuring:
    """Scores the rows to forget, and as many to keep."""

    def __init__(
        self,
        sets: OwnSets,
        encoder: Encoder,
        reference: GeneralReference | None,
        refuses: bool,
    ):
        """Choose the rows: all that are to be forgotten, and as many to keep."""
        forget, retain = ([row.example for row in rows] for rows in (sets.forget, sets.retain))
        retain = evenly_spaced(retain, max(CONTROL_ROWS, len(forget)))
        self._texts = forget[0].question is None
        passages = copy.copy(encoder)  # of texts, as long as those that are evaluated
        passages.max_length = min(PASSAGE + 1, encoder.max_length)
        self._encoded = [
            [
                piece
                for one in rows
                for piece in (passages if one.question is None else encoder).encode_all([one])
            ]
            for rows in (forget, retain)
        ]
        self._secrets = [] if self._texts else _secrets(sets.forget, self._encoded[0], encoder)
        self._reference, self._refuses = reference, refuses
        known = reference.encoded if reference else ()
        self.tokens = sum(len(one.ids) for rows in (*self._encoded, known) for one in rows)
        """Tokens that a measurement takes through the model."""

    def measure(self, model: CausalLM) -> Point:
        """Return one measurement of a model in evaluation mode."""
        forget = quick_scores(model, self._encoded[0], self._secrets)
        retain = quick_scores(model, self._encoded[1]) if self._encoded[1] else None
        # A text comes out where its second half follows from its first.
        out = forget.tail >= (0.5 if self._texts else 1)
        general = self._reference and general_ability(model, self._reference).ability
        return Point(
            forget_verbatim=float(out.mean()),
            forget_probability=float(forget.probability.mean()),
            # Where an answer begins with a refusal, only its first token is unlikely.
            kept=float((retain.accuracy * retain.begun).mean()) if retain else 1.0,
            general=general,
            refused=1 - float(forget.begun.mean()) if self._refuses else None,
            identifiers=float(np.nan_to_num(forget.secret).mean()) if any(self._secrets) else None,
        )


def _secrets(
    rows: Sequence[OwnRow], encoded: Sequence[Encoded], encoder: Encoder
) -> list[tuple[slice, ...]]:
    """Return for each row which tokens of its answer identify somebody."""
    found = []
    for row, one in zip(rows, encoded, strict=True):
        question, answer = row.example.question or "", row.example.answer
        named = identifiers_of(answer) if row.identifiers is None else row.identifiers
        found.append(token_spans(encoder.tokenizer, one, secret_parts(named, question)))
    return found


def step_tokens(job: Job, encoder: Encoder) -> float:
    """Return how many tokens an optimizer step trains on, on average."""
    batch = job.training.batch_size
    lengths = [
        [len(one.ids) for one in encoder.encode_all(examples)]
        for examples in (job.data.forget, job.data.retain)
        if examples
    ]
    return sum(batch * float(np.mean(one)) for one in lengths)
