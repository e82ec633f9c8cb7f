"""Rows packed end to end: one forward pass over all rows of a batch, without padding.

All layers but attention work on one long row of the batch's tokens. Attention must keep rows apart:
it is given queries, keys and values row by row (the only place where shorter rows are padded) and
its outputs go back into the long row. So a pass of rows of any lengths takes as many operations as
a pass of one row, and four more in each layer.

The last token of a row predicts nothing and is left out, as in a padded pass.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedConfig
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from simnpo.forward.lm_head import without_wrapper
from simnpo.models.causal_lm import CausalLM

_NAME = "simnpo_packed"
"""Of the attention here among transformers', which make no mask for a name of none of theirs."""

MOST_PADDED = 2
"""Attention pads rows to so many times their own length at most, or all together to so many times
their tokens: a block more takes a few operations, longer rows time that grows with their square."""


class Layout(NamedTuple):
    """Where the tokens of a packed row stand in rows that are padded for attention."""

    slots: Int[Tensor, " padded"]
    """For each place of the padded rows its token; for padding the last one of its row."""
    places: Int[Tensor, " tokens"]
    """For each token its place among those of the padded rows."""
    blocks: tuple[tuple[int, int], ...]
    """Rows that are padded to one width, and that width, in the order of places."""

    @property
    def rows(self) -> int:
        """Rows of all blocks."""
        return sum(rows for rows, _ in self.blocks)


class Packed(NamedTuple):
    """What a model is given of a packed batch besides its tokens."""

    position_ids: Int[Tensor, "1 tokens"]
    layout: Layout

    def arguments(self) -> dict[str, object]:
        """Return the arguments of the model's call, within `packed_attention`."""
        return {"position_ids": self.position_ids, _NAME: self.layout}


def pack(
    ids: Int[Tensor, "rows time"], lengths: Sequence[int]
) -> tuple[Int[Tensor, "1 tokens"], Packed]:
    """Return the tokens of a batch as one row, and how they belong together.

    Args:
        ids: padded rows, on the model's device; nothing is read back from there.
        lengths: of what is taken of each row.
    """
    counts = np.array(lengths)
    firsts = counts.cumsum() - counts
    slots, blocks, places, filled = [], [], np.empty(counts.sum(), np.int64), 0
    for block in _blocks(lengths):
        own, width = counts[block], max(lengths[row] for row in block)
        columns = np.arange(width)
        tokens = firsts[block][:, None] + np.minimum(columns, own[:, None] - 1)
        inside = np.flatnonzero(columns < own[:, None])
        places[tokens.ravel()[inside]] = filled + inside
        slots.append(tokens.ravel())
        blocks.append((len(block), width))
        filled += tokens.size
    row = np.repeat(np.arange(len(counts)), counts)
    column = np.arange(len(row)) - firsts[row]
    taken = on_device(row * ids.shape[1] + column, ids)
    layout = Layout(on_device(np.concatenate(slots), ids), on_device(places, ids), tuple(blocks))
    return ids.flatten().index_select(0, taken)[None], Packed(on_device(column, ids)[None], layout)


def _blocks(lengths: Sequence[int]) -> list[list[int]]:
    """Group rows for attention: all together, unless most of that would be padding."""
    order = list(range(len(lengths)))
    if max(lengths) * len(lengths) <= MOST_PADDED * sum(lengths):
        return [order]
    blocks: list[list[int]] = []
    for row in sorted(order, key=lambda row: -lengths[row]):
        if not blocks or MOST_PADDED * lengths[row] < lengths[blocks[-1][0]]:
            blocks.append([])
        blocks[-1].append(row)
    return blocks


def on_device(numbers: Int[np.ndarray, "..."], like: Tensor) -> Tensor:
    """Return host numbers on the device of `like`, without waiting for it."""
    return torch.from_numpy(numbers).to(like.device, non_blocking=True)


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    *,
    sliding_window: int | None = None,
    position_bias: Tensor | None = None,
    simnpo_packed: Layout | None = None,
    **kwargs: object,
) -> tuple[Tensor, Tensor | None]:
    """Attend within each row of a packed batch; see transformers' `AttentionInterface`.

    Raises:
        ValueError: the architecture asks for what depends on where keys stand in the packed row.
    """
    attend: Callable[..., tuple[Tensor, None]] = sdpa_attention_forward
    layout = simnpo_packed
    if layout is None:  # a padded pass within `packed_attention`
        return attend(module, query, key, value, mask, position_bias=position_bias, **kwargs)
    if mask is not None or position_bias is not None:
        raise ValueError("no mask and no bias fits rows that are packed")
    if sliding_window is not None and sliding_window < max(width for _, width in layout.blocks):
        raise ValueError("rows are longer than the attention's window")
    parts = [one[0].transpose(0, 1) for one in (query, key, value)]  # tokens, heads, size
    if query.shape[-1] == value.shape[-1]:
        joined = torch.cat(parts, 1).index_select(0, layout.slots)
        padded = torch.split(joined, [one.shape[1] for one in parts], 1)
    else:
        padded = tuple(one.index_select(0, layout.slots) for one in parts)
    sizes = [rows * width for rows, width in layout.blocks]
    made = []
    for (rows, width), *block in zip(
        layout.blocks, *(torch.split(one, sizes) for one in padded), strict=True
    ):
        inputs = [one.view(rows, width, *one.shape[1:]).transpose(1, 2) for one in block]
        made.append(attend(module, *inputs, None, **kwargs)[0].flatten(0, 1))
    outputs = made[0] if len(made) == 1 else torch.cat(made)
    return outputs.index_select(0, layout.places)[None], None


AttentionInterface.register(_NAME, attention)


@contextmanager
def packed_attention(model: CausalLM) -> Iterator[None]:
    """Let `model` attend as `attention` does for the length of a block.

    No pass with a mask may run in it, since its mask would be left out. A backward pass that
    computes activations again belongs into it, too.
    """
    config = _config(model)
    assert config is not None
    before = config._attn_implementation
    config._attn_implementation = _NAME
    try:
        yield
    finally:
        config._attn_implementation = before


@contextmanager
def packed_step(model: CausalLM, longest: int) -> Iterator[None]:
    """Let a training step's passes be packed, even if it computes activations again.

    Args:
        model: a causal LM, possibly wrapped.
        longest: tokens of the step's longest row.
    """
    with ExitStack() as stack:
        if _checkpoints(model) and _attends_by_sdpa(model):
            stack.enter_context(packed_attention(model))
            if not can_pack(model, longest):
                stack.close()
        yield


_known: "WeakKeyDictionary[nn.Module, bool]" = WeakKeyDictionary()
_TRIED = (8, 3, 6)
"""Lengths of the rows on which a model is tried."""


def can_pack(model: CausalLM, longest: int) -> bool:
    """Return whether `model` says the same of packed rows as of each row alone, tried once.

    Recurrent layers, ALiBi and attention of an architecture's own do not.

    Args:
        model: a causal LM of transformers, possibly wrapped.
        longest: tokens of the longest row.
    """
    base, config = without_wrapper(model), _config(model)
    if not _attends_by_sdpa(model):
        return False
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    if any(window is not None and longest > window for window in windows):
        return False
    checkpointing = torch.is_grad_enabled() and _checkpoints(base)
    if checkpointing and getattr(config, "_attn_implementation", None) != _NAME:
        return False  # the backward pass would compute activations again without it
    if base not in _known:
        _known[base] = _try(cast(CausalLM, base))
    return _known[base]


@torch.no_grad()
def _try(model: CausalLM) -> bool:
    device = next(model.parameters()).device
    vocabulary = model.get_input_embeddings().num_embeddings
    ids = torch.arange(8 * len(_TRIED), device=device).view(-1, 8) * 7 % vocabulary
    training = [one for one in model.modules() if one.training]
    model.eval()
    try:
        alone = torch.cat([
            model(input_ids=ids[[row], :length], use_cache=False).logits[0]
            for row, length in enumerate(_TRIED)
        ])  # fmt: skip
        row, packed = pack(ids, _TRIED)
        with packed_attention(model):
            together = model(input_ids=row, **packed.arguments(), use_cache=False).logits[0]
    except Exception:  # an architecture's own, which knows nothing of this
        return False
    finally:
        for one in training:
            one.training = True
    off = (together.float() - alone.float()).abs().max()
    tolerance = 1e-4 if alone.dtype == torch.float32 else 2e-2
    return bool(off <= tolerance * alone.float().abs().max())


def _checkpoints(model: nn.Module) -> bool:
    """Return whether activations of `model` are computed again in the backward pass."""
    # A module's own values, since a look for one that it lacks is slow, and every pass asks.
    return any(vars(one).get("gradient_checkpointing") for one in model.modules())


def _attends_by_sdpa(model: CausalLM) -> bool:
    return getattr(_config(model), "_attn_implementation", None) in ("sdpa", _NAME)


def _config(model: CausalLM) -> PreTrainedConfig | None:
    """Return what says how a model's text part attends; None where it is not transformers'."""
    config = getattr(without_wrapper(model), "config", None)
    return config.get_text_config() if isinstance(config, PreTrainedConfig) else None
