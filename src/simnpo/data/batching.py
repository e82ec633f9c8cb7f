"""Token ids as padded tensors; the mask comes from true lengths, never from the padding id.

Batches are padded on the right and need no attention mask: in a causal model nothing reaches a
token from its right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from simnpo.data.encoding import Encoded


@dataclass(frozen=True)
class Span:
    """Where the answer of a row stands: it ends where the row does.

    No tuple: transformers' Trainer takes those apart on a batch's way to the device.
    """

    start: int
    length: int
    """Tokens of the row."""


class Batch(TypedDict):
    """A right-padded batch, and which of its tokens are scored."""

    input_ids: Int[Tensor, "rows time"]
    answer_mask: Bool[Tensor, "rows time"]
    spans: NotRequired[list[Span]]
    """The same as the mask, on the host: what reads it waits for no device."""


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
    spans = [Span(one.start, len(one.ids)) for one in encoded]
    return {"input_ids": ids.to(device), "answer_mask": answer.to(device), "spans": spans}


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


def groups_of_similar_length(lengths: Sequence[int]) -> list[list[int]]:
    """Group the indices of rows, longest first, so that little of each group is padding.

    Rows whose padding is not worth another pass stay together.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    groups: list[list[int]] = []
    longest = 0
    for index in order:
        filled = len(groups[-1]) * longest if groups else LEAST_TOKENS
        if filled >= LEAST_TOKENS and (not groups or lengths[index] < LIKE * longest):
            groups.append([])
            longest = lengths[index]
        groups[-1].append(index)
    return groups


def rows_of(
    batch: Batch,
    rows: Int[Tensor, " rows"] | Int[np.ndarray, " rows"] | list[int],
    width: int | None = None,
) -> Batch:
    """Return some rows of a batch, given by their numbers, and of `width` tokens."""
    chosen: Batch = {
        "input_ids": batch["input_ids"][rows, :width],
        "answer_mask": batch["answer_mask"][rows, :width],
    }
    if spans := batch.get("spans"):
        numbers = rows if isinstance(rows, list) else rows.tolist()
        chosen["spans"] = [spans[number] for number in numbers]
    return chosen
