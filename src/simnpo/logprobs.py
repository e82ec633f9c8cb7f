"""Log-probabilities of answer tokens, in float32: the only place that shifts labels.

The token at position t is predicted by the logits at position t - 1. The LM head is applied to the
positions that predict answer tokens and to no other, so the logits are `answer tokens x
vocabulary`, not `rows x time x vocabulary`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from simnpo.data.batching import Batch
from simnpo.data.encoding import Encoded
from simnpo.errors import UserError


class AnswerLogits(NamedTuple):
    """Logits at the positions that predict answer tokens, row after row."""

    logits: Float[Tensor, "tokens vocab"]
    targets: Int[Tensor, " tokens"]
    mask: Bool[Tensor, "rows shifted"]
    """Where these tokens stand: column t of `shifted` is token t + 1 of the batch."""

    def log_distributions(self) -> Float[Tensor, "tokens vocab"]:
        """Return the log-probabilities of the whole vocabulary at each answer token."""
        # float32 whatever the model's type: bfloat16 keeps 8 bits, a sum of 100 tokens nothing.
        return self.logits.float().log_softmax(-1)

    def token_logprobs(self) -> Float[Tensor, " tokens"]:
        """Return the log-probability of each answer token, in nats."""
        logits = self.logits.float()
        chosen = logits.gather(-1, self.targets[:, None]).squeeze(-1)
        return chosen - logits.logsumexp(-1)


def answer_logits(model: nn.Module, batch: Batch, head: nn.Module | None = None) -> AnswerLogits:
    """Run `model` once and keep the logits that predict answer tokens.

    Args:
        model: a transformers causal LM, possibly wrapped (PEFT, DDP).
        batch: right-padded ids and masks on the model's device.
        head: the LM head inside `model`; found by itself where `model` is not wrapped.

    Raises:
        UserError: the model has no output embeddings, so is no causal LM.
    """
    mask = batch["answer_mask"][:, 1:]
    head = head if head is not None else output_head(model)
    with _only_these_positions(head, mask):
        # No attention mask: what stands right of a token cannot reach it in a causal model, and
        # without a mask attention takes its fast path. The last column predicts nothing.
        output = model(input_ids=batch["input_ids"][:, :-1], use_cache=False)
    return AnswerLogits(output.logits[0], batch["input_ids"][:, 1:][mask], mask)


def check_ids(model: Any, encoded: Sequence[Encoded]) -> None:
    """Make sure that `model` knows every token of `encoded`.

    Raises:
        UserError: a token lies outside its embedding, so its tokenizer is another model's.
    """
    known = model.get_input_embeddings().num_embeddings
    largest = max((max(one.ids) for one in encoded), default=0)
    if largest >= known:
        raise UserError(
            f"the tokenizer makes token {largest}, and the model knows only {known}: they do not "
            "belong together, or the model's embedding was not resized for added tokens."
        )


def output_head(model: Any) -> nn.Module:
    """Return the LM head of a causal LM.

    Raises:
        UserError: it has none.
    """
    head = model.get_output_embeddings()
    if head is None:
        raise UserError(f"{type(model).__name__} has no LM head, so it is no causal LM.")
    assert isinstance(head, nn.Module)
    return head


@contextmanager
def _only_these_positions(head: nn.Module, mask: Bool[Tensor, "rows shifted"]) -> Iterator[None]:
    """Give `head` only the hidden states that predict the tokens in `mask`, as one long row.

    A hook on the head, rather than calling the layers ourselves, leaves what an architecture does
    after the head (scaling, soft-capping) to its own code.
    """

    def select(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, *rest = inputs
        return (hidden[mask][None], *rest)

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()


def spread(values: Shaped[Tensor, " tokens"], mask: Bool[Tensor, "rows shifted"]) -> Tensor:
    """Put per-token values back into rows, with 0 elsewhere: shape (rows, shifted)."""
    grid = values.new_zeros(mask.shape)
    return grid.masked_scatter(mask, values)


@torch.no_grad()
def sum_logprobs(model: nn.Module, batch: Batch) -> Float[Tensor, " rows"]:
    """Return the summed log-probability of each row's answer, in nats, without gradients."""
    scored = answer_logits(model, batch)
    return spread(scored.token_logprobs(), scored.mask).sum(-1)
