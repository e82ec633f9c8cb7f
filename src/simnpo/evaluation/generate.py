"""Answers to every question, greedy unless a temperature is given, in length-sorted batches."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import pandas as pd

from simnpo.benchmarks.base import EvaluationSet
from simnpo.data.batching import token_budget_batches
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.evaluation.decoding import greedy, sampled
from simnpo.evaluation.tables import GENERATION_COLUMNS
from simnpo.forward.logprobs import check_tokens
from simnpo.models import longest_sequence
from simnpo.models.causal_lm import CausalLM
from simnpo.models.precision import weights_cast_once
from simnpo.system.notes import note_once
from simnpo.system.shared_rows import compute_rows

TOKENS_PER_BATCH = 16384
LEAST_CACHE = 2**28
"""Bytes of keys and values that a batch may take in any case: small models get larger batches, as a
step costs them hardly more."""


def generate(
    model: CausalLM,
    encoder: Encoder,
    evaluation: Mapping[str, EvaluationSet],
    tokens_per_batch: int | None = None,
    temperature: float = 0.0,
) -> pd.DataFrame:
    """Answer every question, greedily unless a temperature is given.

    Args:
        model: a causal LM in evaluation mode.
        encoder: the tokenizer bound to a template.
        evaluation: what is asked, by name; sets without `max_new_tokens` are left out.
        tokens_per_batch: rows x (longest prompt + answer) of a batch at most; None chooses it by
            the model.
        temperature: above 0, tokens are drawn from the distribution at this temperature.

    Returns:
        A table with `GENERATION_COLUMNS`, in the order of sets and items.

    Raises:
        UserError: an item that is to be answered has no question, or a prompt leaves the model no
            position for an answer.
    """
    rows = list(_rows(encoder, evaluation))
    asked = _within(longest_sequence(model), rows)
    answers = [
        str(encoder.tokenizer.decode(ids, skip_special_tokens=True))
        for ids in answer_ids(model, encoder, asked, tokens_per_batch, temperature)
    ]
    table = pd.DataFrame(
        [
            (row.set, row.item, row.question, row.reference, answer if row.bare else answer.strip())
            for row, answer in zip(rows, answers, strict=True)
        ],
        columns=list(GENERATION_COLUMNS),
    )
    return table.astype(GENERATION_COLUMNS)


def answer_ids(
    model: CausalLM,
    encoder: Encoder,
    prompts: Sequence[tuple[tuple[int, ...], int]],
    tokens_per_batch: int | None = None,
    temperature: float = 0.0,
) -> list[list[int]]:
    """Return the answer to each prompt as token ids, without the token that ended it.

    Args:
        model: a causal LM in evaluation mode.
        encoder: its tokenizer, bound to the template that says what ends an answer.
        prompts: token ids, each with the most tokens its answer may have.
        tokens_per_batch: see `generate`.
        temperature: see `generate`.

    Raises:
        UserError: see `check_tokens`.
    """
    check_tokens(model, [ids for ids, _ in prompts])
    stop_ids = ends_of_answers(model, encoder)

    def compute(numbers: list[int]) -> list[list[int]]:
        ids = [prompts[number][0] for number in numbers]
        answer = partial(sampled, temperature=temperature) if temperature else greedy
        return answer(model, ids, prompts[numbers[0]][1], stop_ids)

    budget = tokens_per_batch or max(TOKENS_PER_BATCH, LEAST_CACHE // _bytes_per_token(model))
    batches: list[list[int]] = []
    # Rows of a batch end at the same length.
    for limit in dict.fromkeys(limit for _, limit in prompts):
        alike = [number for number, (_, own) in enumerate(prompts) if own == limit]
        lengths = [len(prompts[number][0]) + limit for number in alike]
        for batch in token_budget_batches(lengths, budget):
            batches.append([alike[place] for place in batch])
    with weights_cast_once(model):
        return compute_rows("Generating", model, batches, compute)


class _Row(NamedTuple):
    set: str
    item: int
    question: str
    reference: str
    prompt: tuple[int, ...]
    limit: int
    bare: bool
    """Whether white space around the answer is its own: where it ends may depend on it."""


def _rows(encoder: Encoder, evaluation: Mapping[str, EvaluationSet]) -> Iterator[_Row]:
    for name, asked in evaluation.items():
        for number, item in enumerate(asked.items if asked.max_new_tokens else ()):
            if item.question is None:
                raise UserError(f"{name} set, item {number} has no question to answer.")
            prompt = (encoder.verbatim if asked.verbatim else encoder.prompt)(item.question)
            limit = asked.max_new_tokens
            reference = encoder.cut(item.answer, limit) if asked.cut_reference else item.answer
            if asked.references:
                reference = asked.references[number]
            yield _Row(name, number, item.question, reference, prompt, limit, asked.verbatim)


def _within(positions: int, rows: Sequence[_Row]) -> list[tuple[tuple[int, ...], int]]:
    """Return each row's prompt and the most tokens its answer may have, within the positions.

    Raises:
        UserError: a prompt takes them all.
    """
    if not positions:
        return [(row.prompt, row.limit) for row in rows]
    for row in rows:
        if len(row.prompt) >= positions:
            raise UserError(
                f"{row.set} set, item {row.item}: the prompt takes {len(row.prompt)} tokens, and "
                f"the model was made for {positions} with the answer."
            )
    asked = [(row.prompt, min(row.limit, positions - len(row.prompt))) for row in rows]
    cut = sum(limit < row.limit for row, (_, limit) in zip(rows, asked, strict=True))
    if cut:
        note_once(
            f"Note: {cut} answers may be shorter than asked for, since the model was made for "
            f"{positions} tokens."
        )
    return asked


def _bytes_per_token(model: CausalLM) -> int:
    """Return what a token takes in the cache, counted with as many key heads as query heads."""
    config = model.config.get_text_config()
    return int(2 * config.num_hidden_layers * config.hidden_size * model.dtype.itemsize)


def ends_of_answers(model: CausalLM, encoder: Encoder) -> frozenset[int]:
    """Return the tokens that end an answer: the template's, and those the model's authors name."""
    own = getattr(model.generation_config, "eos_token_id", None)
    named = own if isinstance(own, list) else [own]
    ids = {encoder.template.end_id, encoder.tokenizer.eos_token_id, *named}
    return frozenset(one for one in ids if one is not None)
