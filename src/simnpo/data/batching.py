"""Token ids as padded tensors; the mask comes from true lengths, never from the padding id.

Batches are padded on the right and need no attention mask: in a causal model nothing reaches a
token from its right.
"""

from collections.abc import Sequence
from typing import TypedDict

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from simnpo.data.encoding import Encoded


class Batch(TypedDict):
    """A right-padded batch, and which of its tokens are scored."""

    input_ids: Int[Tensor, "rows time"]
    answer_mask: Bool[Tensor, "rows time"]


def pad(encoded: Sequence[Encoded], pad_id: int = 0) -> Batch:
    """Right-pad `encoded` to its longest sequence.

    Any `pad_id` that the model knows does, the end-of-sequence id or another: padding is told by
    position. A tokenizer's own pad token is not asked for, since it may lie outside the embedding.
    """
    width = max(len(one.ids) for one in encoded)
    ids = torch.full((len(encoded), width), pad_id, dtype=torch.long)
    answer = torch.zeros_like(ids, dtype=torch.bool)
    for row, one in enumerate(encoded):
        length = len(one.ids)
        ids[row, :length] = torch.tensor(one.ids)
        answer[row, one.start : length] = True
    return {"input_ids": ids, "answer_mask": answer}


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
