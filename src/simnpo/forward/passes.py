"""How a batch goes through a model: what each forward pass is given, and what it predicts.

The only label shift: the token at position t is predicted by the state at position t - 1.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from jaxtyping import Bool, Int
from torch import Tensor

from simnpo.data.batching import Batch, groups_of_similar_length
from simnpo.forward.packing import Packed, can_pack, on_device, pack, packed_attention
from simnpo.models.causal_lm import CausalLM
from simnpo.system.distributed import is_sharded


def shifted_mask(batch: Batch) -> Bool[Tensor, "rows shifted"]:
    """Return where answer tokens are predicted: column t is about token t + 1."""
    return batch["answer_mask"][:, 1:]


def places_of(mask: Bool[Tensor, "rows shifted"]) -> Int[Tensor, " tokens"]:
    """Return the places of a mask's tokens, row after row."""
    places: Tensor = mask.flatten().nonzero().squeeze(-1)
    return places


class Pass(NamedTuple):
    """One forward pass over some rows of a batch."""

    ids: Int[Tensor, "rows time"]
    """What the model is given."""
    states: Int[Tensor, " tokens"]
    """Places among these of the states that predict answer tokens, row after row."""
    targets: Int[Tensor, " tokens"]
    """The tokens that they predict."""
    grid: Int[Tensor, " tokens"]
    """Places of these tokens among those of the batch's `shifted_mask`."""
    packed: Packed | None = None
    """What else it is given, where rows are packed."""

    def run(self, model: CausalLM) -> "_Output":
        """Call the model, without an attention mask.

        What stands right of a token cannot reach it in a causal model, and without a mask attention
        takes its fast path.
        """
        if self.packed is None:
            output: _Output = model(input_ids=self.ids, use_cache=False)
            return output
        with packed_attention(model):
            output = model(input_ids=self.ids, **self.packed.arguments(), use_cache=False)
        return output


class _Output(Protocol):
    logits: Tensor


def passes(model: CausalLM, batch: Batch) -> list[Pass]:
    """Return the passes in which a batch's rows go through `model`.

    Packed it is one. Else rows of similar length go together; but weights that are sharded over
    processes are gathered in every pass, so all processes must run equally many.
    """
    if _packs(model, batch):
        return [_packed(batch)]
    spans = batch.get("spans")
    if spans is None or is_sharded(model):
        return [_all_padded(batch)]
    lengths = [span.length for span in spans]
    groups = groups_of_similar_length(lengths)
    if len(groups) == 1:
        return [_all_padded(batch)]
    return [_padded(batch, rows, lengths[rows[0]]) for rows in groups]


def one_pass(model: CausalLM, batch: Batch) -> Pass:
    """Return the pass in which all rows of a batch go through `model`, packed where it can be."""
    return _packed(batch) if _packs(model, batch) else _all_padded(batch)


def _packs(model: CausalLM, batch: Batch) -> bool:
    """Return whether a batch goes through `model` packed: with sharded weights none does."""
    spans = batch.get("spans")
    if not spans or is_sharded(model):
        return False
    return can_pack(model, max(span.length for span in spans))


def _all_padded(batch: Batch) -> Pass:
    """Return the pass of all rows, padded as they are in the batch."""
    return _padded(batch, range(len(batch["input_ids"])), batch["input_ids"].shape[1])


def _padded(batch: Batch, rows: Sequence[int], width: int) -> Pass:
    """Return the pass of some rows, padded; the last of `width` columns predicts nothing."""
    ids = given = batch["input_ids"]
    if len(rows) < len(ids):
        given = ids.index_select(0, on_device(np.array(rows), ids))
    row, column = _answers(batch, rows)
    targets, grid = _in_batch(batch, np.array(rows)[row], column)
    states = on_device(row * (width - 1) + column, ids)
    return Pass(given[:, : width - 1], states, targets, grid)


def _packed(batch: Batch) -> Pass:
    ids, spans = batch["input_ids"], batch["spans"]
    lengths = [span.length - 1 for span in spans]
    row, column = _answers(batch, range(len(spans)))
    targets, grid = _in_batch(batch, row, column)
    firsts = np.cumsum(lengths) - lengths
    states = on_device(firsts[row] + column, ids)
    given, packed = pack(ids, lengths)
    return Pass(given, states, targets, grid, packed)


_Numbers: TypeAlias = Int[np.ndarray, " tokens"]


def _answers(batch: Batch, rows: Sequence[int]) -> tuple[_Numbers, _Numbers]:
    """Return which of `rows`, and in which column of `shifted_mask`, each answer token stands."""
    spans = batch.get("spans")
    if spans is None:
        row, column = shifted_mask(batch).cpu().numpy().nonzero()
        return row, column
    starts, ends = np.array([(spans[row].start - 1, spans[row].length - 1) for row in rows]).T
    counts = ends - starts
    row = np.repeat(np.arange(len(rows)), counts)
    return row, np.arange(len(row)) + (starts - counts.cumsum() + counts)[row]


def _in_batch(batch: Batch, row: _Numbers, column: _Numbers) -> tuple[Tensor, Tensor]:
    """Return the answer tokens and their places among those of `shifted_mask`, on the device."""
    ids = batch["input_ids"]
    width = ids.shape[1]
    tokens, grid = row * width + column + 1, row * (width - 1) + column
    return ids.flatten().index_select(0, on_device(tokens, ids)), on_device(grid, ids)
