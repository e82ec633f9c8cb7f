"""Log-probabilities of answer tokens, in float32.

The LM head is applied to the positions that predict them (`simnpo.forward.answer_tokens`), a chunk
at a time (`simnpo.forward.fused`); `simnpo.forward.passes` says how rows go through the model.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from simnpo.data.batching import Batch, rows_of
from simnpo.data.encoding import Encoded
from simnpo.errors import UserError
from simnpo.forward.answer_tokens import pass_logits, run_with_head_replaced, token_logprobs
from simnpo.forward.fused import (
    LogitTransform,
    TokenLogprobs,
    TokenMoments,
    linear_logprobs,
    linear_moments,
    moments,
)
from simnpo.forward.lm_head import output_head, probe_lm_head
from simnpo.forward.passes import Pass, one_pass, passes, places_of, shifted_mask
from simnpo.models import longest_sequence
from simnpo.models.causal_lm import CausalLM

T = TypeVar("T")


class AnswerLogprobs(NamedTuple):
    """What a model outputs for the answers of a batch, in rows; column t is token t + 1."""

    logprobs: Float[Tensor, "rows shifted"]
    """Log-probability of each answer token in nats, float32, 0 outside the answers."""
    first_choice: Bool[Tensor, "rows shifted"]
    """Whether an answer token is the model's first choice; False outside the answers."""
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
    model: CausalLM,
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
        UserError: the model has no output embeddings, so is not a causal LM.
    """
    head = head if head is not None else output_head(model)
    if shared is not None:
        firsts: Tensor = torch.unique(shared)
        if len(firsts) < len(shared):
            mask = shifted_mask(batch)
            sources = torch.searchsorted(firsts, shared)
            known = _shared_logprobs(model, batch, head, firsts, sources)
            places = places_of(mask)
            grids = [scatter_to_rows(one, places, mask) for one in known]
            return AnswerLogprobs(grids[0], grids[1], mask)
    logprobs, first_choice = _in_rows(model, batch, partial(_token_logprobs, head=head))
    return AnswerLogprobs(logprobs, first_choice, shifted_mask(batch))


@torch.no_grad()
def answer_moments(model: CausalLM, batch: Batch) -> AnswerMoments:
    """Return the log-probs of a batch's answer tokens with their distributions' moments.

    Args:
        model: see `answer_logprobs`.
        batch: see `answer_logprobs`.

    Raises:
        UserError: see `answer_logprobs`.
    """
    head = output_head(model)
    logprobs, first_choice, mean, deviation = _in_rows(
        model, batch, partial(_token_moments, head=head)
    )
    return AnswerMoments(logprobs, first_choice, mean, deviation, shifted_mask(batch))


def _in_rows(
    model: CausalLM, batch: Batch, work: Callable[[CausalLM, Pass], Sequence[Tensor]]
) -> list[Tensor]:
    """Do `work`, which gives values per answer token, on a batch, in as many passes as it takes.

    Returns:
        Grids of shape (rows, shifted), 0 outside the answers.
    """
    done = [(one.grid, work(model, one)) for one in passes(model, batch)]
    places, mask = torch.cat([grid for grid, _ in done]), shifted_mask(batch)
    columns = zip(*(values for _, values in done), strict=True)
    return [scatter_to_rows(torch.cat(column), places, mask) for column in columns]


def _token_logprobs(model: CausalLM, given: Pass, head: nn.Module) -> TokenLogprobs:
    after = probe_lm_head(model, head, given.ids).after
    if after is None:
        return token_logprobs(pass_logits(model, given, head), given.targets)
    return _at_linear_head(model, given, head, after, linear_logprobs)


def _token_moments(model: CausalLM, given: Pass, head: nn.Module) -> TokenMoments:
    after = probe_lm_head(model, head, given.ids).after
    if after is None:
        return moments(pass_logits(model, given, head), given.targets)
    return _at_linear_head(model, given, head, after, linear_moments)


def _at_linear_head(
    model: CausalLM, given: Pass, head: nn.Module, after: LogitTransform, work: Callable[..., T]
) -> T:
    # In the head's place and not afterwards: FSDP gathers a module's weights while it runs.
    return run_with_head_replaced(
        model,
        given,
        head,
        lambda linear, hidden: work(hidden, linear.weight, linear.bias, given.targets, after),
    )


def _shared_logprobs(
    model: CausalLM,
    batch: Batch,
    head: nn.Module,
    firsts: Int[Tensor, " read"],
    sources: Int[Tensor, " rows"],
) -> TokenLogprobs:
    """Return the log-probs of all rows' answer tokens from a forward pass of the rows `firsts`.

    Row n is predicted by what the model made of row `firsts[sources[n]]`.
    """
    read, mask = rows_of(batch, firsts), shifted_mask(batch)
    numbers = shifted_mask(read).flatten().cumsum(0).view(len(firsts), -1) - 1
    taken = numbers[sources][mask]  # which state of the forward pass predicts each token
    targets = batch["input_ids"][:, 1:][mask]
    given = one_pass(model, read)
    after = probe_lm_head(model, head, given.ids).after
    if after is None:
        return token_logprobs(pass_logits(model, given, head)[taken], targets)
    return run_with_head_replaced(
        model,
        given,
        head,
        lambda linear, hidden: linear_logprobs(
            hidden[taken], linear.weight, linear.bias, targets, after
        ),
    )


def check_sequences(model: CausalLM, encoded: Sequence[Encoded]) -> None:
    """Make sure that `model` knows every token of `encoded`, and has a position for each.

    Raises:
        UserError: a token lies outside its embedding, so its tokenizer is another model's; or a
            sequence is longer than what the model was made for.
    """
    check_tokens(model, [one.ids for one in encoded])
    longest, positions = max((len(one.ids) for one in encoded), default=0), longest_sequence(model)
    if positions and longest > positions:
        raise UserError(
            f"a sequence has {longest} tokens, and the model was made for {positions} at most: "
            f"give ``max_length`` {positions}."
        )


def check_tokens(model: CausalLM, rows: Sequence[Sequence[int]]) -> None:
    """Make sure that `model` knows every token of `rows`.

    Raises:
        UserError: a token lies outside its embedding, so its tokenizer is another model's.
    """
    known = model.get_input_embeddings().num_embeddings
    largest = max((max(row, default=0) for row in rows), default=0)
    if largest >= known:
        raise UserError(
            f"the tokenizer makes token {largest}, and the model knows only {known}: they do not "
            "belong together, or the model's embedding was not resized for added tokens."
        )


def scatter_to_rows(
    values: Shaped[Tensor, " tokens"],
    places: Int[Tensor, " tokens"],
    mask: Bool[Tensor, "rows shifted"],
) -> Tensor:
    """Put per-token values at their places in a grid of the mask's shape, with 0 elsewhere."""
    grid = values.new_zeros(mask.numel())
    return grid.index_copy(0, places, values).view(mask.shape)


@torch.no_grad()
def sum_logprobs(model: CausalLM, batch: Batch) -> Float[Tensor, " rows"]:
    """Return the summed log-probability of each row's answer, in nats, without gradients."""
    return answer_logprobs(model, batch).logprobs.sum(-1)
