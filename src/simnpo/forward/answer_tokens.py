"""One forward pass, and what it says where answer tokens are predicted: the only label shift.

The token at position t is predicted by the state at position t - 1. The LM head is given the
positions that predict answer tokens and no other.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from simnpo.data.batching import Batch
from simnpo.forward.fused import TokenLogprobs
from simnpo.forward.lm_head import output_head
from simnpo.models.causal_lm import CausalLM, Linear

T = TypeVar("T")


def shifted_mask(batch: Batch) -> Bool[Tensor, "rows shifted"]:
    """Return where answer tokens are predicted: column t is about token t + 1."""
    return batch["answer_mask"][:, 1:]


def answer_targets(batch: Batch) -> Int[Tensor, " tokens"]:
    """Return the answer tokens, row after row."""
    return batch["input_ids"][:, 1:][shifted_mask(batch)]


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

    def token_logprobs(self) -> TokenLogprobs:
        """Return what the logits say of each answer token."""
        logits = self.logits.float()
        chosen = logits.gather(-1, self.targets[:, None]).squeeze(-1)
        return TokenLogprobs(chosen - logits.logsumexp(-1), logits.argmax(-1) == self.targets)


def answer_logits(model: CausalLM, batch: Batch, head: nn.Module | None = None) -> AnswerLogits:
    """Run `model` once and keep all logits that predict answer tokens.

    For small vocabularies, and for models whose head cannot be fused: all others go through
    `simnpo.forward.logprobs.answer_logprobs`.

    Raises:
        UserError: the model has no output embeddings, so is not a causal LM.
    """
    mask = shifted_mask(batch)
    with head_at_positions(head if head is not None else output_head(model), mask):
        logits = _run(model, batch).logits[0]
    return AnswerLogits(logits, answer_targets(batch), mask)


def run_with_head_replaced(
    model: CausalLM, batch: Batch, head: nn.Module, work: Callable[[Linear, Tensor], T]
) -> T:
    """Run `model` once and do `work` instead of its LM head, which then makes no logits.

    Args:
        model: a transformers causal LM, possibly wrapped (PEFT, DDP, FSDP).
        batch: right-padded ids and masks on the model's device.
        head: the LM head.
        work: given the head and the hidden states that predict answer tokens, (tokens, width).
    """
    done: list[T] = []

    def instead(hidden: Tensor) -> Tensor:
        done.append(work(head, hidden[0]))
        return hidden.new_zeros(1, 0, 1)

    with head_at_positions(head, shifted_mask(batch)):
        before = vars(head).get("forward")
        head.forward = instead
        try:
            _run(model, batch)
        finally:
            del head.forward  # the class's own shows again
            if before is not None:
                head.forward = before
    return done[0]


def _run(model: CausalLM, batch: Batch) -> Any:
    # No attention mask: what stands right of a token cannot reach it in a causal model, and
    # without a mask attention takes its fast path. The last column predicts nothing.
    return model(input_ids=batch["input_ids"][:, :-1], use_cache=False)


@contextmanager
def head_at_positions(head: nn.Module, mask: Bool[Tensor, "rows shifted"]) -> Iterator[None]:
    """Give `head` only the hidden states that predict the tokens in `mask`, as one long row.

    A hook on the head, rather than calling the layers ourselves, leaves what an architecture does
    around it to its own code.
    """

    def select(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, *rest = inputs
        if hidden.shape[:2] != mask.shape:  # another use of the head, at positions of its own
            return inputs
        return (hidden[mask][None], *rest)

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()
