"""A forward pass, and what it says where answer tokens are predicted.

The LM head is given the states that predict answer tokens (`simnpo.forward.passes`) and no other.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from simnpo.data.batching import Batch
from simnpo.forward.fused import TokenLogprobs
from simnpo.forward.lm_head import output_head
from simnpo.forward.passes import Pass, one_pass, shifted_mask
from simnpo.models.causal_lm import CausalLM, Linear

T = TypeVar("T")


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
        return token_logprobs(self.logits, self.targets)


def token_logprobs(
    logits: Float[Tensor, "tokens vocab"], targets: Int[Tensor, " tokens"]
) -> TokenLogprobs:
    """Return what logits say of each target."""
    logits = logits.float()
    chosen = logits.gather(-1, targets[:, None]).squeeze(-1)
    return TokenLogprobs(chosen - logits.logsumexp(-1), logits.argmax(-1) == targets)


def answer_logits(model: CausalLM, batch: Batch, head: nn.Module | None = None) -> AnswerLogits:
    """Run `model` once and keep all logits that predict answer tokens.

    For small vocabularies, and for models whose head cannot be fused: all others go through
    `simnpo.forward.logprobs.answer_logprobs`.

    Raises:
        UserError: the model has no output embeddings, so is not a causal LM.
    """
    given = one_pass(model, batch)
    logits = pass_logits(model, given, head if head is not None else output_head(model))
    return AnswerLogits(logits, given.targets, shifted_mask(batch))


def pass_logits(model: CausalLM, given: Pass, head: nn.Module) -> Float[Tensor, "tokens vocab"]:
    """Return the logits of a pass that predict answer tokens."""
    with head_at_states(head, given.ids.shape, given.states):
        logits: Tensor = given.run(model).logits[0]
    return logits


def run_with_head_replaced(
    model: CausalLM, given: Pass, head: nn.Module, work: Callable[[Linear, Tensor], T]
) -> T:
    """Run `model` once and do `work` instead of its LM head, which then makes no logits.

    Args:
        model: a transformers causal LM, possibly wrapped (PEFT, DDP, FSDP).
        given: the pass, on the model's device.
        head: the LM head.
        work: given the head and the hidden states that predict answer tokens, (tokens, width).
    """
    done: list[T] = []

    def instead(hidden: Tensor) -> Tensor:
        done.append(work(head, hidden[0]))
        return hidden.new_zeros(1, 0, 1)

    with head_at_states(head, given.ids.shape, given.states):
        before = vars(head).get("forward")
        head.forward = instead
        try:
            given.run(model)
        finally:
            del head.forward  # the class's own shows again
            if before is not None:
                head.forward = before
    return done[0]


@contextmanager
def head_at_states(
    head: nn.Module, shape: Sequence[int], states: Int[Tensor, " tokens"]
) -> Iterator[None]:
    """Give `head` only some hidden states, as one long row.

    A hook on the head, rather than calling the layers ourselves, leaves what an architecture does
    around it to its own code.

    Args:
        head: the LM head.
        shape: rows and tokens of the pass: hidden states of another shape are left alone.
        states: places among these.
    """

    def select(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, *rest = inputs
        if hidden.shape[:2] != tuple(shape):  # another use of the head, at positions of its own
            return inputs
        return (hidden.flatten(0, 1).index_select(0, states)[None], *rest)

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()
