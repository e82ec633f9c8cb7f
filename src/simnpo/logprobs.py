"""Log-probabilities of answer tokens, in float32: the only place that shifts labels.

The token at position t is predicted by the state at position t - 1. The LM head is applied to the
positions that predict answer tokens and to no other, a chunk at a time (`simnpo.fused`); rows of
unlike length go through the model apart, so that little of what it computes is padding.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from simnpo.data.batching import Batch, groups_of_like_length, rows_of, whole
from simnpo.data.encoding import Encoded
from simnpo.distributed import is_sharded
from simnpo.errors import UserError
from simnpo.fused import (
    AfterHead,
    TokenLogprobs,
    TokenMoments,
    linear_logprobs,
    linear_moments,
    moments,
)
from simnpo.lm_head import output_head, read_head

T = TypeVar("T")


class AnswerLogprobs(NamedTuple):
    """What a model said of the answers of a batch, in rows; column t is token t + 1."""

    logprobs: Float[Tensor, "rows shifted"]
    """Log-probability of each answer token in nats, float32, 0 beside the answers."""
    first_choice: Bool[Tensor, "rows shifted"]
    """Whether an answer token is the model's first choice; False beside the answers."""
    mask: Bool[Tensor, "rows shifted"]
    """Where the answers stand."""


class AnswerMoments(NamedTuple):
    """The same, with the moments of the model's own distribution at each answer token."""

    logprobs: Float[Tensor, "rows shifted"]
    first_choice: Bool[Tensor, "rows shifted"]
    mean: Float[Tensor, "rows shifted"]
    """Expected log-prob of a token that the model itself would draw, float32, 0 elsewhere."""
    deviation: Float[Tensor, "rows shifted"]
    """Its standard deviation."""
    mask: Bool[Tensor, "rows shifted"]


def answer_logprobs(
    model: nn.Module,
    batch: Batch,
    head: nn.Module | None = None,
    shared: Int[Tensor, " rows"] | None = None,
) -> AnswerLogprobs:
    """Return the log-probs of a batch's answer tokens.

    Args:
        model: a transformers causal LM, possibly wrapped (PEFT, DDP, FSDP).
        batch: right-padded ids and masks on the model's device.
        head: the LM head inside `model`; found by itself where `model` is not wrapped.
        shared: for each row, a row of the batch that has all its tokens but the last, and goes
            through the model in its place.

    Raises:
        UserError: the model has no output embeddings, so is no causal LM.
    """
    head = head if head is not None else output_head(model)
    if shared is not None:
        firsts: Tensor = torch.unique(shared)
        if len(firsts) < len(shared):
            mask = batch["answer_mask"][:, 1:]
            sources = torch.searchsorted(firsts, shared)
            known = _shared_logprobs(model, batch, head, firsts, sources)
            grids = (spread(known.logprobs, mask), spread(known.first_choice, mask))
            return AnswerLogprobs(*grids, mask)
    logprobs, first_choice = _in_groups(
        model, batch, lambda group: _token_logprobs(model, group, head)
    )
    return AnswerLogprobs(logprobs, first_choice, batch["answer_mask"][:, 1:])


@torch.no_grad()
def answer_moments(model: nn.Module, batch: Batch) -> AnswerMoments:
    """Return the log-probs of a batch's answer tokens with their distributions' moments.

    Args:
        model: see `answer_logprobs`.
        batch: see `answer_logprobs`.

    Raises:
        UserError: see `answer_logprobs`.
    """
    head = output_head(model)
    logprobs, first_choice, mean, deviation = _in_groups(
        model, batch, lambda group: _token_moments(model, group, head)
    )
    return AnswerMoments(logprobs, first_choice, mean, deviation, batch["answer_mask"][:, 1:])


def _in_groups(
    model: nn.Module, batch: Batch, work: Callable[[Batch], Sequence[Tensor]]
) -> list[Tensor]:
    """Do `work`, which gives values per answer token, on the rows of a batch, in groups.

    Returns:
        Grids of shape (rows, shifted), 0 beside the answers.
    """
    # Weights that are parted over processes are gathered in every forward pass: all processes must
    # run equally many, whatever the lengths of their rows.
    groups = [whole(batch)] if is_sharded(model) else groups_of_like_length(batch)
    mask = batch["answer_mask"][:, 1:]
    places, grids = [], []
    for rows, group in groups:
        own = group["answer_mask"][:, 1:]
        missing = (0, mask.shape[1] - own.shape[1])
        grids.append([nn.functional.pad(spread(v, own), missing) for v in work(group)])
        places.append(rows)
    if len(places) == 1:
        return grids[0]
    order = torch.cat(places).argsort()
    return [torch.cat(parts)[order] for parts in zip(*grids, strict=True)]


def _token_logprobs(model: nn.Module, batch: Batch, head: nn.Module) -> TokenLogprobs:
    after = read_head(model, head, batch["input_ids"]).after
    if after is None:
        return answer_logits(model, batch, head).token_logprobs()
    return _at_linear_head(model, batch, head, after, linear_logprobs)


def _token_moments(model: nn.Module, batch: Batch, head: nn.Module) -> TokenMoments:
    after = read_head(model, head, batch["input_ids"]).after
    if after is None:
        said = answer_logits(model, batch, head)
        return moments(said.logits, said.targets)
    return _at_linear_head(model, batch, head, after, linear_moments)


def _at_linear_head(
    model: nn.Module, batch: Batch, head: nn.Module, after: AfterHead, work: Callable[..., T]
) -> T:
    targets = batch["input_ids"][:, 1:][batch["answer_mask"][:, 1:]]
    # In the head's place and not afterwards: FSDP gathers a module's weights while it runs.
    return at_head(
        model,
        batch,
        head,
        lambda linear, hidden: work(hidden, linear.weight, linear.bias, targets, after),
    )


def _shared_logprobs(
    model: nn.Module,
    batch: Batch,
    head: nn.Module,
    firsts: Int[Tensor, " read"],
    sources: Int[Tensor, " rows"],
) -> TokenLogprobs:
    """Return the log-probs of all rows' answer tokens from a forward pass of the rows `firsts`.

    Row n is predicted by what the model made of row `firsts[sources[n]]`.
    """
    read, mask = rows_of(batch, firsts), batch["answer_mask"][:, 1:]
    numbers = read["answer_mask"][:, 1:].flatten().cumsum(0).view(len(firsts), -1) - 1
    taken = numbers[sources][mask]  # which position of the forward pass predicts each token
    targets = batch["input_ids"][:, 1:][mask]
    after = read_head(model, head, read["input_ids"]).after
    if after is None:
        logits = answer_logits(model, read, head).logits[taken]
        return AnswerLogits(logits, targets, mask).token_logprobs()
    return at_head(
        model,
        read,
        head,
        lambda linear, hidden: linear_logprobs(
            hidden[taken], linear.weight, linear.bias, targets, after
        ),
    )


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


def answer_logits(model: nn.Module, batch: Batch, head: nn.Module | None = None) -> AnswerLogits:
    """Run `model` once and keep all logits that predict answer tokens.

    For small vocabularies, and for models whose head cannot be fused; see `answer_logprobs`.

    Raises:
        UserError: the model has no output embeddings, so is no causal LM.
    """
    mask = batch["answer_mask"][:, 1:]
    with only_these_positions(head if head is not None else output_head(model), mask):
        logits = _run(model, batch).logits[0]
    return AnswerLogits(logits, batch["input_ids"][:, 1:][mask], mask)


def at_head(model: nn.Module, batch: Batch, head: nn.Module, work: Callable[[Any, Tensor], T]) -> T:
    """Run `model` once and do `work` in the place of its LM head, which then makes no logits.

    Args:
        model: see `answer_logprobs`.
        batch: see `answer_logprobs`.
        head: the LM head.
        work: given the head and the hidden states that predict answer tokens, (tokens, width).
    """
    done: list[T] = []

    def instead(hidden: Tensor) -> Tensor:
        done.append(work(head, hidden[0]))
        return hidden.new_zeros(1, 0, 1)

    with only_these_positions(head, batch["answer_mask"][:, 1:]):
        before = vars(head).get("forward")
        head.forward = instead
        try:
            _run(model, batch)
        finally:
            del head.forward  # the class's own shows again
            if before is not None:
                head.forward = before
    return done[0]


def _run(model: nn.Module, batch: Batch) -> Any:
    # No attention mask: what stands right of a token cannot reach it in a causal model, and
    # without a mask attention takes its fast path. The last column predicts nothing.
    return model(input_ids=batch["input_ids"][:, :-1], use_cache=False)


@contextmanager
def only_these_positions(head: nn.Module, mask: Bool[Tensor, "rows shifted"]) -> Iterator[None]:
    """Give `head` only the hidden states that predict the tokens in `mask`, as one long row.

    A hook on the head, rather than calling the layers ourselves, leaves what an architecture does
    around it to its own code.
    """

    def select(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, *rest = inputs
        return (hidden[mask][None], *rest)

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()


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


def spread(values: Shaped[Tensor, " tokens"], mask: Bool[Tensor, "rows shifted"]) -> Tensor:
    """Put per-token values back into rows, with 0 elsewhere: shape (rows, shifted)."""
    grid = values.new_zeros(mask.shape)
    return grid.masked_scatter(mask, values)


@torch.no_grad()
def sum_logprobs(model: nn.Module, batch: Batch) -> Float[Tensor, " rows"]:
    """Return the summed log-probability of each row's answer, in nats, without gradients."""
    return answer_logprobs(model, batch).logprobs.sum(-1)
