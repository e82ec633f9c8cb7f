"""Log-probs of given tokens straight from hidden states, a chunk of logits at a time.

`tokens x vocabulary` logits never exist: forward and backward make `CHUNK` of them at once, in
float32, and the backward pass makes them again rather than keep them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

CHUNK = 2**24
"""Logits that exist at once: 64 MiB in float32. Where all fit, none is computed twice."""


class LogitTransform(NamedTuple):
    """What an architecture does to its logits after the LM head."""

    scale: float = 1.0
    """Factor of the logits (Cohere, Granite, Falcon-H1)."""
    cap: float | None = None
    """Soft cap: `cap * tanh(logits / cap)` (Gemma 2 and 3)."""

    def apply(self, logits: Float[Tensor, "tokens vocab"]) -> Float[Tensor, "tokens vocab"]:
        """Return the logits as the model would."""
        logits = logits if self.scale == 1 else logits * self.scale
        return logits if self.cap is None else torch.tanh(logits / self.cap) * self.cap


class TokenLogprobs(NamedTuple):
    """What a model outputs for each given token."""

    logprobs: Float[Tensor, " tokens"]
    """In nats, float32."""
    first_choice: Bool[Tensor, " tokens"]
    """Whether the token is the likeliest one."""


class TokenMoments(NamedTuple):
    """The same, and how the log-probs of the whole vocabulary are spread at each token."""

    logprobs: Float[Tensor, " tokens"]
    first_choice: Bool[Tensor, " tokens"]
    mean: Float[Tensor, " tokens"]
    """Expected log-prob of a token drawn from the model's own distribution, float32."""
    deviation: Float[Tensor, " tokens"]
    """Its standard deviation."""


def moments(logits: Float[Tensor, "tokens vocab"], targets: Int[Tensor, " tokens"]) -> TokenMoments:
    """Return what whole logits say of the given tokens and of all others (arXiv 2404.02936)."""
    first_choice = logits.argmax(-1) == targets
    logprobs = logits.float().log_softmax(-1)
    chosen = logprobs.gather(-1, targets[:, None]).squeeze(-1)
    # A token ruled out by minus infinity would make 0 times infinity; exp(-10000) is 0, too.
    logprobs = logprobs.clamp(min=-1e4)
    probs = logprobs.exp()
    mean = (probs * logprobs).sum(-1)
    variance = (probs * (logprobs - mean[:, None]).square()).sum(-1)
    return TokenMoments(chosen, first_choice, mean, variance.sqrt())


@torch.no_grad()
def linear_moments(
    hidden: Float[Tensor, "tokens width"],
    weight: Float[Tensor, "vocab width"],
    bias: Float[Tensor, " vocab"] | None,
    targets: Int[Tensor, " tokens"],
    after: LogitTransform,
) -> TokenMoments:
    """Return `moments` of the logits that `linear_logprobs` makes, without gradients."""
    chunks = logit_chunks(hidden, weight, bias, after)
    made = [moments(logits, targets[part]) for part, logits in chunks]
    return TokenMoments(*(torch.cat(values) for values in zip(*made, strict=True)))


def logit_chunks(
    hidden: Float[Tensor, "tokens width"],
    weight: Float[Tensor, "vocab width"],
    bias: Float[Tensor, " vocab"] | None,
    after: LogitTransform,
) -> Iterator[tuple[slice, Float[Tensor, "part vocab"]]]:
    """Yield the logits that `linear_logprobs` makes, a chunk of positions at a time, in float32."""
    dtype = _compute_type(hidden)
    weight_cast = weight.to(dtype)
    for part in _parts(len(hidden), _rows(weight)):
        yield part, after.apply(_raw_logits(hidden[part].to(dtype), weight_cast, bias))


def linear_logprobs(
    hidden: Float[Tensor, "tokens width"],
    weight: Float[Tensor, "vocab width"],
    bias: Float[Tensor, " vocab"] | None,
    targets: Int[Tensor, " tokens"],
    after: LogitTransform,
) -> TokenLogprobs:
    """Return the log-probs of `targets` under `softmax(after(hidden @ weight.T + bias))`.

    Products are made in the autocast type where autocast is on, else in the type of `hidden`;
    all that follows, and the sum of the weight's gradient over chunks, is in float32.

    Args:
        hidden: input of the LM head.
        weight: the LM head's.
        bias: the LM head's, if it has one.
        targets: the token each position predicts.
        after: what comes after the head.
    """
    apply: Any = _LinearLogprobs.apply
    return TokenLogprobs(*apply(hidden, weight, bias, targets, after, _compute_type(hidden)))


def _compute_type(hidden: Tensor) -> torch.dtype:
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


class _LinearLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        after: LogitTransform,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        logprobs = hidden.new_empty(len(hidden), dtype=torch.float32)
        first_choice = torch.empty_like(targets, dtype=torch.bool)
        weight_cast = weight.to(dtype)
        rows = _rows(weight)
        kept: tuple[Tensor | None, Tensor | None] = (None, None)
        for part in _parts(len(hidden), rows):
            logits = after.apply(_raw_logits(hidden[part].to(dtype), weight_cast, bias))
            chosen = logits.gather(-1, targets[part, None]).squeeze(-1)
            first_choice[part] = logits.argmax(-1) == targets[part]
            # A softmax in place: another tensor of this size costs more time than its sums.
            top = logits.amax(-1, keepdim=True)
            exp_logits = logits.sub_(top).exp_()
            normalizer = exp_logits.sum(-1)
            logprobs[part] = chosen - top.squeeze(-1) - normalizer.log()
            if len(hidden) <= rows and any(ctx.needs_input_grad) and after.cap is None:
                kept = exp_logits, normalizer  # small enough to keep for the backward pass
        ctx.save_for_backward(hidden, weight, bias, targets, *kept)
        ctx.after, ctx.dtype = after, dtype
        ctx.mark_non_differentiable(first_choice)
        return logprobs, first_choice

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets, exp_logits, normalizer = ctx.saved_tensors
        wants_hidden, wants_weight, wants_bias, *_ = ctx.needs_input_grad
        weight_cast = weight.to(ctx.dtype)
        to_hidden = torch.empty_like(hidden) if wants_hidden else None
        to_weight = torch.zeros_like(weight, dtype=torch.float32) if wants_weight else None
        to_bias = torch.zeros_like(bias, dtype=torch.float32) if wants_bias else None
        for part in _parts(len(hidden), _rows(weight)):
            states = hidden[part].to(ctx.dtype)
            if exp_logits is None:
                logits = ctx.after.apply(_raw_logits(states, weight_cast, bias))
                grad_logits = logits.softmax(-1).mul_(-grad[part, None])
            else:
                grad_logits = exp_logits * (-grad[part] / normalizer)[:, None]
            grad_logits.scatter_add_(-1, targets[part, None], grad[part, None])
            if ctx.after.cap is not None:
                grad_logits.mul_(1 - (logits / ctx.after.cap).square())
            if ctx.after.scale != 1:
                grad_logits.mul_(ctx.after.scale)
            product = grad_logits.to(ctx.dtype)
            if to_hidden is not None:
                to_hidden[part] = (product @ weight_cast).to(hidden.dtype)
            if to_weight is not None:
                _add_product(to_weight, product.t(), states)
            if to_bias is not None:
                to_bias += grad_logits.sum(0)
        return (
            to_hidden,
            None if to_weight is None else to_weight.to(weight.dtype),
            None if to_bias is None else to_bias.to(bias.dtype),
            None,
            None,
            None,
        )


def _raw_logits(states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    logits = (states @ weight.t()).float()
    return logits if bias is None else logits + bias.float()


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right


def _rows(weight: Tensor) -> int:
    """Return how many positions make `CHUNK` logits."""
    return max(1, CHUNK // weight.shape[0])


def _parts(count: int, rows: int) -> list[slice]:
    return [slice(first, first + rows) for first in range(0, count, rows)]
