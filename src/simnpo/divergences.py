"""Divergences between models at answer tokens, with none's distributions kept."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from simnpo import fused
from simnpo.answer_tokens import answer_logits, answer_targets, at_head, shifted_mask
from simnpo.data.batching import Batch
from simnpo.fused import AfterHead
from simnpo.lm_head import output_head, read_head
from simnpo.logprobs import spread

Divergence: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From log-probs of the whole vocabulary under the model and under the reference, each of shape
(tokens, vocab), and the answer's tokens to one value per token."""
Compose: TypeAlias = Callable[..., Tensor]
"""From the logits of each frozen model, of shape (tokens, vocab), to those of the reference."""
ARRAYS = 3
"""Arrays of a chunk's logits that exist at once, about; one more for each frozen model."""


class AnswerDivergences(NamedTuple):
    """What models said of the answers of a batch, in rows; column t is token t + 1."""

    divergences: Float[Tensor, "rows shifted"]
    """Per answer token, 0 beside the answers."""
    logprobs: Float[Tensor, "rows shifted"]
    """Log-probability of each answer token under the model, in nats, likewise."""
    mask: Bool[Tensor, "rows shifted"]
    """Where the answers stand."""


def answer_divergences(
    model: nn.Module,
    references: Sequence[AbstractContextManager[nn.Module]],
    batch: Batch,
    divergence: Divergence,
    head: nn.Module | None = None,
    compose: Compose = lambda only: only,
) -> AnswerDivergences:
    """Compare a model with a reference at each answer token.

    All distributions exist for a chunk of tokens at a time; the backward pass makes them again.

    Args:
        model: see `simnpo.logprobs.answer_logprobs`.
        references: contexts of the frozen models that the reference is made of; none of them
            takes the model itself as it is, without gradient.
        batch: see `answer_logprobs`.
        divergence: what to compare the two distributions by.
        head: the LM head inside `model`; found by itself where `model` is not wrapped.
        compose: makes the reference's logits from those of all frozen models.
    """
    head = head if head is not None else output_head(model)
    mask, targets = shifted_mask(batch), answer_targets(batch)
    after = read_head(model, head, batch["input_ids"]).after
    kept: list[_Kept] = []
    for context in references:
        with context as frozen, torch.no_grad():
            kept.append(_keep(frozen, batch))

    def compare(ours: Tensor, tokens: Tensor, *logits: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            theirs = compose(*logits).log_softmax(-1) if logits else ours.detach()
        return _compare(divergence, ours, theirs, tokens)

    if after is None or any(one.after is None for one in kept):
        ours = answer_logits(model, batch, head).log_distributions()
        values, logprobs = compare(ours, targets, *(one.logits() for one in kept))
    else:

        def work(linear: Any, own: Tensor) -> tuple[Tensor, Tensor]:
            heads = [_Head(linear if one.head is head else one.head, one.after) for one in kept]
            states = [one.states for one in kept]
            said = _in_chunks(compare, own, states, targets, _Head(linear, after), heads)
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


class _Kept(NamedTuple):
    """What a frozen model said of the answers."""

    states: Tensor
    """The LM head's input; its logits where it cannot be fused."""
    head: nn.Module
    after: AfterHead | None
    """What comes after the head; None where it cannot be fused."""

    def logits(self) -> Tensor:
        """Return the logits of all answer tokens."""
        return self.states if self.after is None else _Head(self.head, self.after)(self.states)


def _keep(frozen: nn.Module, batch: Batch) -> _Kept:
    """Run a frozen model, keeping as little of it as its head allows."""
    head = output_head(frozen)
    after = read_head(frozen, head, batch["input_ids"]).after
    if after is None:
        return _Kept(answer_logits(frozen, batch, head).logits.float(), head, None)
    return _Kept(at_head(frozen, batch, head, lambda _, hidden: hidden), head, after)


class _Head:
    """An LM head's weights as they are now, and what comes after it."""

    def __init__(self, linear: Any, after: AfterHead | None):
        assert after is not None
        self.weight, self.bias, self.after = linear.weight, linear.bias, after

    def __call__(self, states: Tensor) -> Tensor:
        """Return the model's logits, in float32."""
        logits = nn.functional.linear(states, self.weight, self.bias)
        return self.after.apply(logits.float())


def _in_chunks(
    compare: Callable[..., tuple[Tensor, Tensor]],
    own: Tensor,
    kept: Sequence[Tensor],
    targets: Tensor,
    head: _Head,
    frozen: Sequence[_Head],
) -> tuple[Tensor, Tensor]:
    """Return divergences and log-probs from hidden states, a chunk of logits at a time."""

    def chunk(states: Tensor, tokens: Tensor, *frozen_states: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            logits = [one(known) for one, known in zip(frozen, frozen_states, strict=True)]
        return compare(head(states).log_softmax(-1), tokens, *logits)

    rows = max(1, fused.CHUNK // (ARRAYS + len(kept)) // len(head.weight))
    if len(own) <= rows:
        return chunk(own, targets, *kept)
    columns = [torch.split(column, rows) for column in (own, targets, *kept)]
    parts = [checkpoint(chunk, *each, use_reentrant=False) for each in zip(*columns, strict=True)]
    values, logprobs = (torch.cat(column) for column in zip(*parts, strict=True))
    return values, logprobs


def _compare(
    divergence: Divergence, ours: Tensor, theirs: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the divergence and the log-prob of each token."""
    return divergence(ours, theirs, targets), ours.gather(-1, targets[:, None]).squeeze(-1)
