"""Answers to every question, greedy unless a temperature is given, in length-sorted batches."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from simnpo.benchmarks.base import EvaluationSet
from simnpo.data.batching import token_budget_batches
from simnpo.data.encoding import Encoder
from simnpo.distributed import compute_rows
from simnpo.errors import UserError
from simnpo.logprobs import check_tokens
from simnpo.models import longest_sequence
from simnpo.notes import note_once
from simnpo.precision import weights_cast_once
from simnpo.scoring.tables import GENERATION_COLUMNS

TOKENS_PER_BATCH = 16384
LEAST_CACHE = 2**28
"""Bytes of keys and values that a batch may take in any case: small models get larger batches, as a
step costs them hardly more."""


def generate(
    model: Any,
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
    model: Any,
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


def _bytes_per_token(model: Any) -> int:
    """Return what a token takes in the cache, counted with as many key heads as query heads."""
    config = model.config.get_text_config()
    return int(2 * config.num_hidden_layers * config.hidden_size * model.dtype.itemsize)


def ends_of_answers(model: Any, encoder: Encoder) -> frozenset[int]:
    """Return the tokens that end an answer: the template's, and those the model's authors name."""
    own = getattr(model.generation_config, "eos_token_id", None)
    named = own if isinstance(own, list) else [own]
    ids = {encoder.template.end_id, encoder.tokenizer.eos_token_id, *named}
    return frozenset(one for one in ids if one is not None)


@torch.no_grad()
def greedy(
    model: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop_ids: frozenset[int],
    pad_id: int = 0,
) -> list[list[int]]:
    """Continue each prompt with the likeliest tokens, up to a stop token (left out).

    Rows leave the batch as they end, so the short answers do not wait for the long ones.
    """
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    from simnpo.scoring.cache import RoomyLayer, roomy_cache

    plain = {RoomyLayer, DynamicLayer, DynamicSlidingWindowLayer}

    if not _is_stepped(model):
        return _generate(model, prompts, max_new_tokens, stop_ids, pad_id)
    where = next(model.parameters()).device
    ids, mask = _pad_left(prompts, pad_id)
    ids, mask = ids.to(where), mask.to(where)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = roomy_cache(model.config)
    answers: list[list[int]] = [[] for _ in prompts]
    ended: set[int] = set()
    held = list(range(len(prompts)))  # the batch's rows, by the prompt they continue
    for _ in range(max_new_tokens):
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        ids = output.logits[:, -1].argmax(-1, keepdim=True)
        for prompt, token in zip(held, ids[:, 0].tolist(), strict=True):
            if token in stop_ids:
                ended.add(prompt)
            elif prompt not in ended:
                answers[prompt].append(token)
        live = [row for row, prompt in enumerate(held) if prompt not in ended]
        if not live:
            break
        # Layers with convolution or state-space states cannot drop a row of them.
        droppable = all(type(layer) in plain for layer in cache.layers)
        if droppable and len(live) <= _COMPACT_BELOW * len(held):
            kept = torch.tensor(live, device=where)
            cache.batch_select_indices(kept)
            ids, mask, positions = ids[kept], mask[kept], positions[kept]
            held = [held[row] for row in live]
        mask = torch.cat([mask, mask.new_ones(len(held), 1)], dim=-1)
        positions = positions[:, -1:] + 1
    return answers


_STEPPED = {"position_ids", "past_key_values", "logits_to_keep"}
"""What a model's forward pass must take to be stepped here; others go through `generate`."""
_COMPACT_BELOW = 0.75
"""Share of live rows below which the ended ones are dropped: dropping copies the whole cache."""


def _is_stepped(model: Any) -> bool:
    """Return whether `greedy` can take the model's steps: with transformers' own kind of cache."""
    own = model.get_base_model() if hasattr(model, "get_base_model") else model
    # MiniMax takes these arguments and refuses every cache but its own.
    supports = getattr(own, "_supports_default_dynamic_cache", lambda: True)
    return supports() and set(inspect.signature(own.forward).parameters) >= _STEPPED


def _pad_left(prompts: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask, padded on the left so that all rows end together."""
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), pad_id)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids, mask


@torch.no_grad()
def sampled(
    model: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop_ids: frozenset[int],
    temperature: float,
    streamer: Any = None,
) -> list[list[int]]:
    """Continue each prompt through transformers' own `generate`, up to a stop token (left out).

    Args:
        model: a causal LM in evaluation mode.
        prompts: their ids.
        max_new_tokens: length of an answer at most.
        stop_ids: tokens that end an answer.
        temperature: tokens are drawn at it; 0 takes the likeliest, as `greedy` does.
        streamer: transformers' streamer, which gets the tokens of a single prompt one at a time.
    """
    return _generate(model, prompts, max_new_tokens, stop_ids, 0, temperature, streamer)


def _generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop_ids: frozenset[int],
    pad_id: int,
    temperature: float = 0.0,
    streamer: Any = None,
) -> list[list[int]]:
    """Do the same through transformers, for architectures with a cache of another kind.

    Rows of one length go together, without padding: recurrent models may read it.
    """
    from transformers import GenerationConfig

    where = next(model.parameters()).device

    drawn = {"do_sample": True, "temperature": temperature, "top_k": 0}  # from all tokens
    config = GenerationConfig(
        **(drawn if temperature else {"do_sample": False}),
        max_new_tokens=max_new_tokens,
        eos_token_id=sorted(stop_ids),
        pad_token_id=pad_id,
    )
    # What `config` leaves open, `generate` takes from the model's own: sampling, penalties.
    own, model.generation_config = model.generation_config, config
    answers: dict[int, list[int]] = {}
    try:
        for length in sorted({len(prompt) for prompt in prompts}):
            rows = [row for row, prompt in enumerate(prompts) if len(prompt) == length]
            ids = torch.tensor([list(prompts[row]) for row in rows], device=where)
            made = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                generation_config=config,
                streamer=streamer,
            )
            for row, new in zip(rows, made[:, length:].tolist(), strict=True):
                answers[row] = list(takewhile(lambda token: token not in stop_ids, new))
    finally:
        model.generation_config = own
    return [answers[row] for row in range(len(prompts))]
