"""The plain way, to measure against: what a first implementation of the same mathematics does.

Batches padded to their longest row with an attention mask, logits of every position, a log-softmax
over them, forget and retain rows in forward passes of their own, and for NPO a second model that
runs at every step. Nothing here is used by the package.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid

from simnpo.data.encoding import Encoded

IGNORED = -100


def padded(encoded: Sequence[Encoded], width: int | None = None) -> dict[str, Tensor]:
    """Return ids, attention mask and labels, padded to `width` or to the longest row."""
    width = width or max(len(one.ids) for one in encoded)
    ids = torch.zeros(len(encoded), width, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, one in enumerate(encoded):
        ids[row, : len(one.ids)] = torch.tensor(one.ids)
        mask[row, : len(one.ids)] = 1
        labels[row, one.start : len(one.ids)] = ids[row, one.start : len(one.ids)]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def sums(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return each answer's summed log-probability and its number of tokens."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    labels = batch["labels"][:, 1:].contiguous()
    losses = cross_entropy(
        logits[:, :-1].float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
    )
    return -losses.sum(-1), (labels != IGNORED).sum(-1)


def loss(
    name: str, model: Any, reference: Any, forget: dict[str, Tensor], retain: dict[str, Tensor]
) -> Tensor:
    """Return the loss of `npo` (beta 0.1) or `simnpo` (beta 2.5) with retain NLL."""
    logps, lengths = sums(model, forget)
    if name == "npo":
        with torch.no_grad():
            before, _ = sums(reference, forget)
        forgetting = -2 / 0.1 * logsigmoid(-0.1 * (logps - before))
    else:
        forgetting = -2 / 2.5 * logsigmoid(-2.5 * logps / lengths)
    kept, kept_lengths = sums(model, retain)
    return forgetting.mean() - (kept / kept_lengths).mean()
