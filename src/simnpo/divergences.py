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

Divergence: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From log-probs of the whole vocabulary under the model and under the reference, each of shape
(tokens, vocab), and the answer's tokens to one value per token."""
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
    reference: AbstractContextManager[nn.Module] | None,
    batch: Batch,
    divergence: Divergence,
    head: nn.Module | None = None,
) -> AnswerDivergences:
    """Compare a model with a reference at each answer token.

    Both distributions exist for a chunk of tokens at a time; the backward pass makes them again.

    Args:
        model: see `simnpo.logprobs.answer_logprobs`.
        reference: a context in which some model is the reference; None takes the model itself as
            it is. It gets no gradient.
        batch: see `answer_logprobs`.
        divergence: what to compare the two distributions by.
        head: the LM head inside `model`; found by itself where `model` is not wrapped.
    """
    head = head if head is not None else output_head(model)
    ids, mask = batch["input_ids"], batch["answer_mask"][:, 1:]
    targets = ids[:, 1:][mask]
    after = read_head(model, head, ids).after
    theirs: Tensor | None = None
    kept: Tensor | None = None
    frozen_head, frozen_after = head, after
    if reference is not None:
        with reference as frozen, torch.no_grad():
            frozen_head = output_head(frozen)
            frozen_after = read_head(frozen, frozen_head, ids).after
            if after is None or frozen_after is None:
                theirs = answer_logits(frozen, batch, frozen_head).log_distributions()
            else:
                kept = at_head(frozen, batch, frozen_head, lambda _, hidden: hidden)
    if after is None or frozen_after is None:
        ours = answer_logits(model, batch, head).log_distributions()
        theirs = ours.detach() if theirs is None else theirs
        values, logprobs = _compare(divergence, ours, theirs, targets)
    else:
        afters = after, frozen_after

        def work(linear: Any, own: Tensor) -> tuple[Tensor, Tensor]:
            known = linear if frozen_head is head else frozen_head
            heads = [_Head(*one) for one in zip((linear, known), afters, strict=True)]
            states = own.detach() if kept is None else kept
            said = _in_chunks(divergence, own, states, targets, *heads)
            unit: Any = head
            if hasattr(unit, "unshard") and torch.is_grad_enabled():
                # FSDP watches a module's output for the backward pass to come, and this is not it;
                # another pass of the same loss may have parted the weights again by then.
                hooked: Any
                for hooked in said:
                    hooked.register_hook(lambda _: unit.unshard())
            return said

        # In the head's place and not afterwards: FSDP gathers a module's weights while it runs.
        values, logprobs = at_head(model, batch, head, work)
    return AnswerDivergences(spread(values, mask), spread(logprobs, mask), mask)


class _Head:
    """An LM head's weights as they are now, and what comes after it."""

    def __init__(self, linear: Any, after: AfterHead):
        self.weight, self.bias, self.after = linear.weight, linear.bias, after

    def log_distributions(self, states: Tensor) -> Tensor:
        logits = nn.functional.linear(states, self.weight, self.bias)
        return self.after.apply(logits.float()).log_softmax(-1)


def _in_chunks(
    divergence: Divergence, own: Tensor, kept: Tensor, targets: Tensor, head: _Head, frozen: _Head
) -> tuple[Tensor, Tensor]:
    """Return divergences and log-probs from hidden states, a chunk of logits at a time."""

    def chunk(states: Tensor, frozen_states: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            theirs = frozen.log_distributions(frozen_states)
        return _compare(divergence, head.log_distributions(states), theirs, tokens)

    rows = max(1, fused.CHUNK // ARRAYS // len(head.weight))
    if len(own) <= rows:
        return chunk(own, kept, targets)
    columns = [torch.split(column, rows) for column in (own, kept, targets)]
    parts = [checkpoint(chunk, *each, use_reentrant=False) for each in zip(*columns, strict=True)]
    values, logprobs = (torch.cat(column) for column in zip(*parts, strict=True))
    return values, logprobs


def _compare(
    divergence: Divergence, ours: Tensor, theirs: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the divergence and the log-prob of each token."""
    return divergence(ours, theirs, targets), ours.gather(-1, targets[:, None]).squeeze(-1)
