"""A few numbers of each answer from one scoring pass, for measurements while a model is trained."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from simnpo.data.batching import pad, token_budget_batches
from simnpo.data.encoding import Encoded
from simnpo.forward.logprobs import answer_logprobs
from simnpo.models.causal_lm import CausalLM
from simnpo.system.shared_rows import compute_rows

TOKENS_PER_BATCH = 8192


class QuickScores(NamedTuple):
    """One value per answer."""

    probability: Float64[np.ndarray, " rows"]
    """Length-normalised probability."""
    accuracy: Float64[np.ndarray, " rows"]
    """Share of its tokens that are the first choice after the true ones before them."""
    begun: Float64[np.ndarray, " rows"]
    """Whether its first token is the first choice: a refusal spoils this one alone."""
    tail: Float64[np.ndarray, " rows"]
    """Share at its end that greedy decoding gives back: 1 where it does all of it."""
    secret: Float64[np.ndarray, " rows"]
    """Whether all tokens of one of its secrets are the first choice; NaN where it has none."""


@torch.no_grad()
def quick_scores(
    model: CausalLM, encoded: Sequence[Encoded], secrets: Sequence[Sequence[slice]] = ()
) -> QuickScores:
    """Score answers.

    Args:
        model: a causal LM in evaluation mode.
        encoded: questions with their answers.
        secrets: for each, which of the answer's tokens must not come out together; none where
            nothing is secret.
    """
    where = next(model.parameters()).device

    def compute(rows: list[int]) -> list[tuple[float, ...]]:
        scored = answer_logprobs(model, pad([encoded[row] for row in rows], device=where))
        found: list[tuple[float, ...]] = []
        for row, (logprobs, hits, mask) in zip(rows, zip(*scored, strict=True), strict=True):
            own, right = logprobs[mask].double(), hits[mask].double()
            unbroken = right.flip(0).cumprod(0).sum()
            found.append(
                (
                    float(own.mean().exp()),
                    float(right.mean()),
                    float(right[0]),
                    float(unbroken / len(right)),
                    _any_whole(right, secrets[row] if secrets else ()),
                )
            )
        return found

    batches = token_budget_batches([len(one.ids) for one in encoded], TOKENS_PER_BATCH)
    columns = zip(*compute_rows("Scoring", model, batches, compute), strict=True)
    return QuickScores(*(np.array(column, dtype=np.float64) for column in columns))


def _any_whole(hits: Tensor, spans: Sequence[slice]) -> float:
    return float(any(bool(hits[span].all()) for span in spans)) if spans else float("nan")
