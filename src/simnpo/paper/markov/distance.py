"""Distance from the truth: KL between a chain's transitions and a model's predictions (app. H)."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from simnpo.data.batching import Batch, Span
from simnpo.forward.answer_tokens import answer_logits
from simnpo.models.causal_lm import CausalLM
from simnpo.paper.markov.chains import Chain
from simnpo.paper.markov.panels import PanelData, Split

ROWS = 128
"""Sequences of a forward pass: their activations stay in a core's cache."""


class Distances(NamedTuple):
    """Mean KL per token on each test set, in nats: a model's place in Fig. 5."""

    retain: float
    """Retain distance: lower is better."""
    forget1: float
    """Forget quality on Forget1: higher is better."""
    forget2: float
    """Forget quality on Forget2."""


def as_batch(states: Int[Tensor, "rows time"]) -> Batch:
    """Return sequences as a batch in which every state but the first is predicted."""
    mask = torch.ones_like(states, dtype=torch.bool)
    mask[:, 0] = False
    return {
        "input_ids": states,
        "answer_mask": mask,
        "spans": [Span(1, states.shape[1])] * len(states),
    }


def transition_kl(
    log_distributions: Float[Tensor, "tokens states"],
    states: Int[Tensor, " tokens"],
    chain: Chain,
) -> Float[Tensor, " tokens"]:
    """Return KL(true transition row || prediction) after each state, in nats.

    Args:
        log_distributions: predicted log-probabilities of the next state.
        states: the state each prediction follows.
        chain: where the true rows come from.
    """
    rows = chain.transitions  # float64: what is near 0 is a difference of two sums near 2
    entropies = (rows * rows.log()).sum(-1)
    return entropies[states] - (rows[states] * log_distributions.double()).sum(-1)


@torch.no_grad()
def mean_distance(model: CausalLM, split: Split) -> float:
    """Return the mean of `transition_kl` over all tokens of the test sequences, in nats."""
    total = 0.0
    for first in range(0, len(split.test), ROWS):
        states = split.test[first : first + ROWS]
        scored = answer_logits(model, as_batch(states))
        before = states[:, :-1][scored.mask]
        distances = transition_kl(scored.log_distributions(), before, split.chain)
        total += float(distances.sum())
    count, length = split.test.shape
    return total / (count * (length - 1))


def distances(model: CausalLM, data: PanelData) -> Distances:
    """Return the model's distances on all three test sets."""
    return Distances(*(mean_distance(model, split) for split in data))
