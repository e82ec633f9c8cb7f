"""Pretraining, retraining and unlearning of the study's model (app. H)."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from simnpo.data.batching import Batch, rows_of
from simnpo.forward.answer_tokens import answer_logits
from simnpo.forward.logprobs import answer_logprobs, sum_logprobs
from simnpo.methods.base import ANSWER, Objective, Scored
from simnpo.methods.method import Method
from simnpo.models.causal_lm import CausalLM
from simnpo.paper.markov.distance import Distances, as_batch, distances
from simnpo.paper.markov.panels import PanelData

LEARNING_RATE, BATCH, UNLEARN_BATCH = 5e-4, 128, 4
"""AdamW's rate throughout; sequences of a training step; of an unlearning step, each of forget and
of retain."""

Done = Callable[[int], None]
"""Told the work just done, in forward passes of a token (a training step counts three)."""


def _optimizer(model: CausalLM) -> torch.optim.Optimizer:
    # The paper says AdamW and its rate; the released code's has no weight decay.
    return torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.0)


def pretrain(
    model: CausalLM,
    groups: Sequence[Int[Tensor, "_ _"]],
    epochs: int,
    seed: int,
    done: Done,
) -> None:
    """Minimise the cross-entropy, averaged over a batch's tokens, on all sequences of `groups`.

    Args:
        model: trained in place.
        groups: sequences, those of one length together.
        epochs: passes over all of them.
        seed: of the order.
        done: called with progress.
    """
    optimizer = _optimizer(model)
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    rows = np.concatenate([np.arange(len(group)) for group in groups])
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(rows))
        for batch in np.array_split(order, range(BATCH, len(order), BATCH)):
            # Short sequences go apart from long ones: together they would mostly be padding.
            parts = [group[rows[batch[numbers[batch] == n]]] for n, group in enumerate(groups)]
            scored = [answer_logits(model, as_batch(part)) for part in parts if len(part)]
            logprobs = torch.cat([one.token_logprobs().logprobs for one in scored])
            torch.autograd.backward(logprobs.mean().neg())
            optimizer.step()
            optimizer.zero_grad()
            done(3 * len(logprobs))


def unlearn(
    model: CausalLM, method: Method, data: PanelData, iterations: int, seed: int, done: Done
) -> list[Distances]:
    """Unlearn Forget1 and Forget2 in place; return the distances after every iteration.

    Forget batches are drawn from both chains' training sequences together, each sequence once
    before any comes again, and so are retain batches. The same seed gives every method the same
    batches.
    """
    forget = _stack(data.forget1.train, data.forget2.train)
    retain = as_batch(data.retain.train)
    terms = [
        _Term.draw(model, objective, weight, source, iterations, [seed, stream])
        for stream, (objective, weight, source) in enumerate(
            (
                (method.forget, method.forget_weight, forget),
                (method.retain, method.retain_weight, retain),
            )
        )
        if objective is not None
    ]
    optimizer = _optimizer(model)
    path = []
    for step in range(iterations):
        losses = [term.weight * term.loss(model, step) for term in terms]
        torch.autograd.backward(torch.stack(losses).sum())
        optimizer.step()
        optimizer.zero_grad()
        path.append(distances(model, data))
        done(data.test_tokens)
    return path


class _Term(NamedTuple):
    """One summand of an unlearning loss, with the batches of all steps."""

    objective: Objective
    weight: float
    batches: list[Batch]
    references: list[Float[Tensor, " rows"] | None]
    """Answer log-probs before unlearning, where the objective needs them."""

    @classmethod
    def draw(
        cls,
        model: CausalLM,
        objective: Objective,
        weight: float,
        source: Batch,
        steps: int,
        seed: list[int],
    ) -> "_Term":
        """Draw a batch for each step, and ask the model what the objective needs of it now."""
        rows = islice(_permuted(len(source["input_ids"]), seed), steps)
        batches = [rows_of(source, chosen) for chosen in rows]
        needed = objective.needs_reference_logps
        references = [sum_logprobs(model, batch) if needed else None for batch in batches]
        return cls(objective, weight, batches, references)

    def loss(self, model: CausalLM, step: int) -> Float[Tensor, ""]:
        """Return the mean loss of a step's batch."""
        scored = answer_logprobs(model, self.batches[step])
        answer = Scored(scored.logprobs, scored.mask, self.references[step])
        return self.objective.loss({ANSWER: answer}).mean()


def _permuted(count: int, seed: list[int]) -> Iterator[Int[np.ndarray, " batch"]]:
    """Yield the rows of batch after batch, from one permutation of all rows after another."""
    random = np.random.default_rng(seed)
    while True:
        yield from np.array_split(random.permutation(count), max(1, count // UNLEARN_BATCH))


def _stack(long: Int[Tensor, "one time"], short: Int[Tensor, "two less"]) -> Batch:
    """Return two chains' sequences as one batch, the shorter ones padded on the right."""
    missing = long.shape[1] - short.shape[1]
    one, two = as_batch(long), as_batch(short)
    return {
        "input_ids": torch.cat([one["input_ids"], pad(two["input_ids"], (0, missing))]),
        "answer_mask": torch.cat([one["answer_mask"], pad(two["answer_mask"], (0, missing))]),
        "spans": one["spans"] + two["spans"],
    }
