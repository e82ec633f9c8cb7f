"""Divergences between models at answer tokens.

Of whole distributions none is kept: they exist for a chunk of tokens at a time, and the backward
pass makes them again. Of a model that is not at hand the likeliest tokens are kept (`outcomes`).
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from simnpo.data.batching import Batch
from simnpo.forward import fused
from simnpo.forward.answer_tokens import AnswerLogits, pass_logits, run_with_head_replaced
from simnpo.forward.fused import LogitTransform
from simnpo.forward.lm_head import output_head, probe_lm_head
from simnpo.forward.logprobs import scatter_to_rows
from simnpo.forward.passes import one_pass, shifted_mask
from simnpo.models.causal_lm import CausalLM, Linear

Divergence: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From log-probs of the whole vocabulary under the model and under the reference, each of shape
(tokens, vocab), and the answer's tokens to one value per token."""
Compose: TypeAlias = Callable[..., Tensor]
"""From the logits of each frozen model, of shape (tokens, vocab), to those of the reference."""
ARRAYS = 3
"""Arrays of a chunk's logits that exist at once, about; one more for each frozen model."""


class AnswerDivergences(NamedTuple):
    """What models output for the answers of a batch, in rows; column t is token t + 1."""

    divergences: Float[Tensor, "rows shifted"]
    """Per answer token, 0 outside the answers."""
    logprobs: Float[Tensor, "rows shifted"]
    """Log-probability of each answer token under the model, in nats, likewise."""
    mask: Bool[Tensor, "rows shifted"]
    """Where the answers stand."""


def answer_divergences(
    model: CausalLM,
    references: Sequence[AbstractContextManager[CausalLM]],
    batch: Batch,
    divergence: Divergence,
    head: nn.Module | None = None,
    compose: Compose = lambda only: only,
) -> AnswerDivergences:
    """Compare a model with a reference at each answer token.

    Args:
        model: see `simnpo.forward.logprobs.answer_logprobs`.
        references: contexts of the frozen models that the reference is made of; none of them
            takes the model itself as it is, without gradient.
        batch: see `answer_logprobs`.
        divergence: what to compare the two distributions by.
        head: the LM head inside `model`; found by itself where `model` is not wrapped.
        compose: makes the reference's logits from those of all frozen models.
    """
    head = head if head is not None else output_head(model)
    mask, given = shifted_mask(batch), one_pass(model, batch)
    after = probe_lm_head(model, head, batch["input_ids"]).after
    kept: list[_Kept] = []
    for context in references:
        with context as frozen, torch.no_grad():
            kept.append(_keep(frozen, batch))

    def compare(ours: Tensor, tokens: Tensor, *logits: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            theirs = compose(*logits).log_softmax(-1) if logits else ours.detach()
        return divergence(ours, theirs, tokens), _chosen(ours, tokens)

    def in_rows(values: Tensor, logprobs: Tensor) -> AnswerDivergences:
        grids = [scatter_to_rows(one, given.grid, mask) for one in (values, logprobs)]
        return AnswerDivergences(grids[0], grids[1], mask)

    if after is None or any(one.after is None for one in kept):
        ours = AnswerLogits(
            pass_logits(model, given, head), given.targets, mask
        ).log_distributions()
        return in_rows(*compare(ours, given.targets, *(one.logits() for one in kept)))

    def work(linear: Linear, own: Tensor) -> tuple[Tensor, Tensor]:
        heads = [_Head(linear if one.head is head else one.head, one.after) for one in kept]

        def with_frozen(ours: Tensor, tokens: Tensor, *states: Tensor) -> tuple[Tensor, Tensor]:
            with torch.no_grad():
                logits = [one(known) for one, known in zip(heads, states, strict=True)]
            return compare(ours, tokens, *logits)

        columns = (given.targets, *(one.states for one in kept))
        scores = _in_chunks(with_frozen, own, columns, _Head(linear, after), ARRAYS + len(kept))
        return _unsharded(scores, head)

    # In the head's place and not afterwards: FSDP gathers a module's weights while it runs.
    return in_rows(*run_with_head_replaced(model, given, head, work))


def outcomes(
    logits: Float[Tensor, "tokens vocab"], choices: Int[Tensor, "tokens kept"]
) -> Float[Tensor, "tokens outcomes"]:
    """Return the log-probs of the tokens `choices`, and last that of all others together."""
    rest = logits.scatter(-1, choices, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.cat([logits.gather(-1, choices), rest], -1).log_softmax(-1)


def outcome_kl(
    original: Float[Tensor, "tokens outcomes"], model: Float[Tensor, "tokens outcomes"]
) -> Float64[Tensor, " tokens"]:
    """Return KL(original || model) at each token, from log-probs, in nats, never below 0."""
    original, model = original.double(), model.double()
    # `p * (log p - log q) + q - p`, which has the same sum, since p and q both sum to 1. No term
    # is below 0, so what float32 rounds away counts by its square, where it would count as it is.
    ratio = original - model
    terms = original.exp() * (ratio + torch.expm1(-ratio))
    return terms.where(original > -torch.inf, model.exp()).sum(-1)


class _Kept(NamedTuple):
    """What a frozen model outputs for the answers."""

    states: Tensor
    """The LM head's input; its logits where it cannot be fused."""
    head: nn.Module
    after: LogitTransform | None
    """What comes after the head; None where it cannot be fused."""

    def logits(self) -> Tensor:
        """Return the logits of all answer tokens."""
        return self.states if self.after is None else _Head(self.head, self.after)(self.states)


def _keep(frozen: CausalLM, batch: Batch) -> _Kept:
    """Run a frozen model, keeping as little of it as its head allows."""
    head = output_head(frozen)
    after = probe_lm_head(frozen, head, batch["input_ids"]).after
    given = one_pass(frozen, batch)
    if after is None:
        return _Kept(pass_logits(frozen, given, head).float(), head, None)
    return _Kept(run_with_head_replaced(frozen, given, head, lambda _, hidden: hidden), head, after)


class _Head:
    """An LM head's weights as they are now, and what comes after it."""

    def __init__(self, linear: Linear, after: LogitTransform | None):
        assert after is not None
        self.weight, self.bias, self.after = linear.weight, linear.bias, after

    def __call__(self, states: Tensor) -> Tensor:
        """Return the model's logits, in float32."""
        logits = nn.functional.linear(states, self.weight, self.bias)
        return self.after.apply(logits.float())


def _in_chunks(
    compare: Callable[..., tuple[Tensor, Tensor]],
    own: Tensor,
    columns: Sequence[Tensor],
    head: _Head,
    arrays: int,
) -> tuple[Tensor, Tensor]:
    """Return divergences and log-probs from hidden states, a chunk of logits at a time.

    Args:
        compare: given log-probs of the whole vocabulary and the rows of `columns` for a chunk.
        own: the LM head's input.
        columns: further values of each token.
        head: makes the logits.
        arrays: how many of a logits' size exist at once.
    """

    def chunk(states: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        return compare(head(states).log_softmax(-1), *values)

    rows = max(1, fused.CHUNK // arrays // len(head.weight))
    if len(own) <= rows:
        return chunk(own, *columns)
    split = [torch.split(column, rows) for column in (own, *columns)]
    parts = [checkpoint(chunk, *each, use_reentrant=False) for each in zip(*split, strict=True)]
    values, logprobs = (torch.cat(column) for column in zip(*parts, strict=True))
    return values, logprobs


def _unsharded(scores: tuple[Tensor, Tensor], head: Any) -> tuple[Tensor, Tensor]:
    """Make an FSDP head's weights whole again before gradients of `scores` go through it.

    FSDP watches a module's output for the backward pass to come, and this is not it; another pass
    of the same loss may have sharded the weights again by then.
    """
    if hasattr(head, "unshard") and torch.is_grad_enabled():
        hooked: Any
        for hooked in scores:
            hooked.register_hook(lambda _: head.unshard())
    return scores


def _chosen(logprobs: Tensor, tokens: Tensor) -> Tensor:
    return logprobs.gather(-1, tokens[:, None]).squeeze(-1)
