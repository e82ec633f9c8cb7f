"""A builder of `Scored` from lists of token log-probabilities."""

import torch

from simnpo.methods.base import Scored


def scored(rows: list[list[float]], reference: list[float] | None = None) -> Scored:
    """Right-padded rows in float64, with the reference's sums where given."""
    width = max(map(len, rows))
    logprobs = torch.zeros(len(rows), width, dtype=torch.float64)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for number, row in enumerate(rows):
        logprobs[number, : len(row)] = torch.tensor(row, dtype=torch.float64)
        mask[number, : len(row)] = True
    sums = None if reference is None else torch.tensor(reference, dtype=torch.float64)
    return Scored(logprobs, mask, sums)
