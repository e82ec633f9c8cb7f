"""Divergences between two models at answer tokens, with neither one's distributions kept."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from simnpo import fused
from simnpo.data.batching import Batch
from simnpo.fused import AfterHead
from simnpo.lm_head import output_head, read_head
from simnpo.logprobs import answer_logits, at_head, spread

Divergence: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From log-probs of the whole vocabulary under the model and under the reference, each of shape
(tokens, vocab), to one value per token."""
ARRAYS = 4
"""Arrays of a chunk's logits that exist at once, about."""


class AnswerDivergences(NamedTuple):
    """What two models said of the answers of a batch, in rows; column t is token t + 1."""

    divergences: Float[Tensor, "rows shifted"]
    """Per answer token, 0 beside the answers."""
    logprobs: Float[Tensor, "rows shifted"]
    """Log-probability of each answer token under the model, in nats, likewise."""
    mask: Bool[Tensor, "rows shifted"]
    """Where the answers stand."""


def answer_divergences(
    model: nn.Module,
    reference: AbstractContextManager[nn.Module],
    batch: Batch,
    divergence: Divergence,
    head: nn.Module | None = None,
) -> AnswerDivergences:
    """Compare a model with a frozen reference at each answer token.

    Both distributions exist for a chunk of tokens at a time; the backward pass makes them again.

    Args:
        model: see `simnpo.logprobs.answer_logprobs`.
        reference: a context in which some model is the reference; it gets no gradient.
        batch: see `answer_logprobs`.
        divergence: what to compare the two distributions by.
        head: the LM head inside `model`; found by itself where `model` is not wrapped.
    """
    head = head if head is not None else output_head(model)
    ids, mask = batch["input_ids"], batch["answer_mask"][:, 1:]
    targets = ids[:, 1:][mask]
    after = read_head(model, head, ids).after
    with reference as frozen, torch.no_grad():
        frozen_head = output_head(frozen)
        frozen_after = read_head(frozen, frozen_head, ids).after
        fusable = after is not None and frozen_after is not None
        kept = _states(frozen, batch, frozen_head, fusable)
    own = _states(model, batch, head, fusable)

    def chunk(states: Tensor, frozen_states: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            theirs = _log_distributions(frozen_states, frozen_head, frozen_after)
        ours = _log_distributions(states, head, after)
        return divergence(ours, theirs), ours.gather(-1, tokens[:, None]).squeeze(-1)

    weight: Any = head.weight
    rows = max(1, fused.CHUNK // ARRAYS // len(weight)) if fusable else len(own)
    if len(own) <= rows:
        parts = [chunk(own, kept, targets)]
    else:
        columns = [torch.split(column, rows) for column in (own, kept, targets)]
        parts = [
            checkpoint(chunk, *each, use_reentrant=False) for each in zip(*columns, strict=True)
        ]
    values, logprobs = (torch.cat(column) for column in zip(*parts, strict=True))
    return AnswerDivergences(spread(values, mask), spread(logprobs, mask), mask)


def _states(model: nn.Module, batch: Batch, head: nn.Module, fusable: bool) -> Tensor:
    """Return hidden states before the head, or all logits where the head cannot be fused."""
    if fusable:
        return at_head(model, batch, head, lambda _, hidden: hidden)
    return answer_logits(model, batch, head).logits


def _log_distributions(states: Tensor, head: nn.Module, after: AfterHead | None) -> Tensor:
    logits = states.float() if after is None else after.apply(head(states).float())
    return logits.log_softmax(-1)
