"""Token ids as padded tensors; the mask comes from true lengths, never from the padding id.

Batches are padded on the right and need no attention mask: in a causal model nothing reaches a
token from its right.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from simnpo.data.encoding import Encoded


class Batch(TypedDict):
    """A right-padded batch, and which of its tokens are scored."""

    input_ids: Int[Tensor, "rows time"]
    answer_mask: Bool[Tensor, "rows time"]


def pad(encoded: Sequence[Encoded], pad_id: int = 0, device: torch.device | str = "cpu") -> Batch:
    """Right-pad `encoded` to its longest sequence.

    Any `pad_id` that the model knows does, the end-of-sequence id or another: padding is recognised
    by position. A tokenizer's own pad token is not used, since it may lie outside the embedding.
    """
    width = max(len(one.ids) for one in encoded)
    ids = torch.full((len(encoded), width), pad_id, dtype=torch.long)
    answer = torch.zeros_like(ids, dtype=torch.bool)
    for row, one in enumerate(encoded):
        length = len(one.ids)
        ids[row, :length] = torch.tensor(one.ids)
        answer[row, one.start : length] = True
    return {"input_ids": ids.to(device), "answer_mask": answer.to(device)}


def token_budget_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Group indices, longest first, so that rows x longest row <= `budget` tokens.

    Every index appears exactly once; a row longer than the budget is a batch of its own. The
    longest batch comes first, so that a shortage of memory shows at once.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batches: list[list[int]] = []
    for index in order:
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


LEAST_TOKENS = 1024
"""Tokens of a forward pass below which splitting it saves less than starting another costs."""
LIKE = 0.8
"""Rows go together while the shortest is at least this share of the longest."""


def groups_of_like_length(batch: Batch) -> list[tuple[Int[Tensor, " rows"], Batch]]:
    """Part a batch into rows of similar length, each group padded to its own longest.

    Returns:
        For each group its rows' places in `batch`, and the rows. A batch whose padding is not worth
        another pass stays whole.
    """
    mask = batch["answer_mask"]
    places = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    lengths = (mask * places).amax(-1)  # an answer ends its row
    ordered, order = lengths.sort(descending=True)
    groups: list[list[int]] = []
    longest = 0
    for index, length in enumerate(ordered.tolist()):
        filled = len(groups[-1]) * longest if groups else LEAST_TOKENS
        if filled >= LEAST_TOKENS and (not groups or length < LIKE * longest):
            groups.append([])
            longest = length
        groups[-1].append(index)
    if len(groups) == 1:
        return [whole(batch)]
    groups_of_rows = []
    for group in groups:
        rows = order[group[0] : group[-1] + 1]
        groups_of_rows.append((rows, rows_of(batch, rows, int(ordered[group[0]]))))
    return groups_of_rows


def whole(batch: Batch) -> tuple[Int[Tensor, " rows"], Batch]:
    """Return a batch as the only group of its rows."""
    ids = batch["input_ids"]
    return torch.arange(len(ids), device=ids.device), batch


def rows_of(
    batch: Batch,
    rows: Int[Tensor, " rows"] | Int[np.ndarray, " rows"] | list[int],
    width: int | None = None,
) -> Batch:
    """Return some rows of a batch, given by their numbers, and of `width` tokens."""
    return {
        "input_ids": batch["input_ids"][rows, :width],
        "answer_mask": batch["answer_mask"][rows, :width],
    }
