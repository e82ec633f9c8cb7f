"""General ability: how far a model has moved from the original on the original's own answers.

The original answers generic prompts greedily, once. Of its distribution at each answer token the
likeliest tokens are kept, and everything else as one outcome more. A model is compared with that
by one forward pass: the KL divergence over these outcomes is at most the KL divergence over the
full vocabulary (data-processing inequality), and close to it.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from simnpo.benchmarks.general_prompts import PROMPTS
from simnpo.data.batching import pad, token_budget_batches
from simnpo.data.encoding import Encoded, Encoder
from simnpo.errors import UserError
from simnpo.evaluation.general_reference import GeneralReference, vocabulary_hash
from simnpo.evaluation.generate import answer_ids
from simnpo.forward import fused
from simnpo.forward.answer_tokens import answer_logits, run_with_head_replaced
from simnpo.forward.divergences import outcome_kl, outcomes
from simnpo.forward.lm_head import output_head, probe_lm_head
from simnpo.forward.logprobs import check_sequences
from simnpo.forward.passes import one_pass
from simnpo.models import longest_sequence
from simnpo.models.causal_lm import CausalLM
from simnpo.system.shared_rows import compute_rows

T = TypeVar("T")
MAX_NEW_TOKENS = 32
KEPT = 256
"""Tokens whose log-probs are kept at each answer token.

On SmolLM2-135M-Instruct (from Q4_1 weights; vocabulary 49,152) 64, 256 and 1,024 of them show 91 to
92 %, 96 to 97 % and 99 % of the KL divergence over the full vocabulary, for models near the
original and far from it alike; 256 take 4 MB.
"""
TOKENS_PER_BATCH = 2048
"""Rows x longest row of a forward pass: small, since rows of similar length need little padding."""


class GeneralAbility(NamedTuple):
    """What a model kept of the original's behavior, for each prompt."""

    kl: Float64[Tensor, " prompts"]
    """Mean of KL(original || model) over the answer's tokens, in nats; infinite where the model
    rules out what the original may write, NaN where it gives no numbers."""
    agreeing: Int[Tensor, " prompts"]
    """Answer tokens at which the original's first choice is still the model's."""
    tokens: Int[Tensor, " prompts"]
    """Answer tokens, the end token among them where the answer ended by itself."""

    @property
    def mean_kl(self) -> float:
        """Mean over prompts, in nats."""
        return float(self.kl.mean())

    @property
    def ability(self) -> float:
        """One number from 0 to 1: `exp(-mean_kl)`, which is 1 for the original itself.

        For scale: Gaussian noise of 0.1, 1 and 3 % of each weight matrix's standard deviation takes
        SmolLM2-135M-Instruct to .9999, .994 and .951, and bfloat16 instead of float32 to .999.
        """
        return math.exp(-self.mean_kl)

    @property
    def agreement(self) -> float:
        """Share of all answer tokens at which the original's first choice is still the model's."""
        return float(self.agreeing.sum() / self.tokens.sum())


@torch.no_grad()
def reference_answers(
    model: CausalLM,
    encoder: Encoder,
    prompts: Sequence[str] = PROMPTS,
    max_new_tokens: int = MAX_NEW_TOKENS,
    kept: int = KEPT,
    tokens_per_batch: int = TOKENS_PER_BATCH,
) -> GeneralReference:
    """Return the original's greedy answers with its distributions at their tokens.

    Use the precision that models will be compared in: rounding is a difference, too.

    Args:
        model: the original, a causal LM in evaluation mode.
        encoder: its tokenizer, bound to a template.
        prompts: what to ask.
        max_new_tokens: length of an answer at most.
        kept: see `KEPT`.
        tokens_per_batch: rows x longest row of a forward pass at most.

    Raises:
        UserError: a prompt with its answer is longer than the model can read, or the tokenizer
            belongs to another model.
    """
    asked = [encoder.prompt(prompt) for prompt in prompts]
    _check_lengths(model, prompts, asked, max_new_tokens)
    check_sequences(model, [Encoded(ids, 0) for ids in asked])
    answers = answer_ids(model, encoder, [(ids, max_new_tokens) for ids in asked])
    # What an answer ended with is not read by the model, only predicted: any end token does.
    ends = [(encoder.template.end_id,) if len(one) < max_new_tokens else () for one in answers]
    encoded = tuple(
        Encoded((*ids, *answer, *end), len(ids))
        for ids, answer, end in zip(asked, answers, ends, strict=True)
    )

    def likeliest(_: slice, logits: Tensor) -> tuple[Tensor, Tensor]:
        choices = logits.topk(min(kept, logits.shape[-1])).indices
        return choices, outcomes(logits, choices)

    def compute(rows: list[int]) -> list[tuple[Tensor, Tensor]]:
        parts = _at_answers(model, [encoded[row] for row in rows], likeliest)
        columns = [torch.cat(column).cpu() for column in zip(*parts, strict=True)]
        lengths = [encoded[row].answer_length for row in rows]
        choices, logprobs = (torch.split(column, lengths) for column in columns)
        return list(zip(choices, logprobs, strict=True))

    batches = token_budget_batches([len(one.ids) for one in encoded], tokens_per_batch)
    found = compute_rows("General ability", model, batches, compute)
    choices, logprobs = (torch.cat(column) for column in zip(*found, strict=True))
    return GeneralReference(
        prompts=tuple(prompts),
        answers=tuple(
            str(encoder.tokenizer.decode(answer, skip_special_tokens=True)).strip()
            for answer in answers
        ),
        encoded=encoded,
        choices=choices,
        logprobs=logprobs,
        max_new_tokens=max_new_tokens,
        template=encoder.template.name,
        vocabulary=vocabulary_hash(encoder.tokenizer),
    )


@torch.no_grad()
def general_ability(
    model: CausalLM, reference: GeneralReference, tokens_per_batch: int = TOKENS_PER_BATCH
) -> GeneralAbility:
    """Compare a model with the original on the original's answers.

    Args:
        model: a causal LM in evaluation mode, with adapters or without.
        reference: see `reference_answers`.
        tokens_per_batch: rows x longest row of a forward pass at most; it does not change results.

    Raises:
        UserError: the model does not know the reference's tokens.
    """
    largest = Encoded((int(reference.choices.max()),), 0)
    check_sequences(model, [*reference.encoded, largest])
    where = next(model.parameters()).device
    lengths = [one.answer_length for one in reference.encoded]
    choices, logprobs = reference.by_row()

    def compute(rows: list[int]) -> list[tuple[float, int]]:
        kept = torch.cat([choices[row] for row in rows]).to(where)

        def compare(part: slice, logits: Tensor) -> tuple[Tensor, Tensor]:
            return outcomes(logits, kept[part]), _first_choice(logits, kept[part, 0])

        parts = _at_answers(model, [reference.encoded[row] for row in rows], compare)
        ours, same = (torch.cat(column).cpu() for column in zip(*parts, strict=True))
        divergences = outcome_kl(torch.cat([logprobs[row] for row in rows]), ours)
        sizes = [lengths[row] for row in rows]
        return [
            (float(kl.mean()), int(agreeing.sum()))
            for kl, agreeing in zip(
                torch.split(divergences, sizes), torch.split(same, sizes), strict=True
            )
        ]

    batches = token_budget_batches([len(one.ids) for one in reference.encoded], tokens_per_batch)
    found = compute_rows("General ability", model, batches, compute)
    kl, agreeing = zip(*found, strict=True)
    return GeneralAbility(
        torch.tensor(kl, dtype=torch.float64), torch.tensor(agreeing), torch.tensor(lengths)
    )


def _first_choice(
    logits: Float[Tensor, "tokens vocab"], choices: Int[Tensor, " tokens"]
) -> Bool[Tensor, " tokens"]:
    # Not argmax: in bfloat16 two tokens often have the same logit, and either is a first choice.
    return logits.gather(-1, choices[:, None]).squeeze(-1) >= logits.amax(-1)


def _at_answers(
    model: CausalLM, encoded: Sequence[Encoded], work: Callable[[slice, Tensor], T]
) -> list[T]:
    """Do `work` on the logits that predict answer tokens, a chunk of positions at a time.

    Args:
        model: a causal LM.
        encoded: sequences with their answers, which go through the model in one pass.
        work: given which of all answer tokens a chunk is about, and its logits in float32.
    """
    where, head = next(model.parameters()).device, output_head(model)
    batch = pad(encoded, device=where)
    after = probe_lm_head(model, head, batch["input_ids"]).after
    if after is None:
        logits = answer_logits(model, batch, head).logits
        rows = max(1, fused.CHUNK // logits.shape[-1])
        parts = [slice(first, first + rows) for first in range(0, len(logits), rows)]
        return [work(part, logits[part].float()) for part in parts]
    # In the head's place and not afterwards: FSDP gathers a module's weights while it runs.
    return run_with_head_replaced(
        model,
        one_pass(model, batch),
        head,
        lambda linear, hidden: [
            work(part, logits)
            for part, logits in fused.logit_chunks(hidden, linear.weight, linear.bias, after)
        ],
    )


def _check_lengths(
    model: CausalLM, prompts: Sequence[str], asked: Sequence[tuple[int, ...]], new: int
) -> None:
    """Refuse prompts whose answers would go beyond the model's positions."""
    longest = longest_sequence(model)
    for prompt, ids in zip(prompts, asked, strict=True):
        if longest and len(ids) + new > longest:
            raise UserError(
                f"the prompt {prompt!r:.60} and an answer of {new} tokens take {len(ids) + new} "
                f"positions, and the model has {longest}."
            )
