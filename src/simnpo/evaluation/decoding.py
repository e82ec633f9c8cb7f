"""Continuing prompts token by token: greedy steps of our own, or transformers' `generate`."""

import inspect
from collections.abc import Sequence
from itertools import takewhile

import torch
from torch import Tensor

from simnpo.models.causal_lm import CausalLM


@torch.no_grad()
def greedy(
    model: CausalLM,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop_ids: frozenset[int],
    pad_id: int = 0,
) -> list[list[int]]:
    """Continue each prompt with the likeliest tokens, up to a stop token (left out).

    Rows leave the batch as they end, so the short answers do not wait for the long ones.
    """
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    from simnpo.evaluation.cache import RoomyLayer, roomy_cache

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


def _is_stepped(model: CausalLM) -> bool:
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
    model: CausalLM,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop_ids: frozenset[int],
    temperature: float,
    streamer: object = None,
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
    model: CausalLM,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop_ids: frozenset[int],
    pad_id: int,
    temperature: float = 0.0,
    streamer: object = None,
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
