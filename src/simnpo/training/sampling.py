"""Batches of like lengths: less padding, in an order drawn anew each epoch."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from simnpo.training.terms import PairedDataset, Term

BATCHES_SORTED_TOGETHER = 16


class LengthGroupedSampler(Sampler[int]):
    """Shuffles, sorts runs of some batches by length, and shuffles the batches.

    The order depends on the seed and the dataset's epoch alone, so that a resumed run meets the
    same batches.
    """

    def __init__(self, term: Term, pairs: PairedDataset, batch_size: int):
        rows = zip(*term.encoded.values(), strict=True)
        self._lengths = [max(len(one.ids) for one in row) for row in rows]
        self._pairs, self._batch_size = pairs, batch_size

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draw = torch.Generator().manual_seed(self._pairs.seed * 100_003 + self._pairs.epoch)
        order = torch.randperm(len(self), generator=draw).tolist()
        run = self._batch_size * BATCHES_SORTED_TOGETHER
        batches: list[list[int]] = []
        for start in range(0, len(order), run):
            near = sorted(order[start : start + run], key=lambda index: -self._lengths[index])
            size = self._batch_size
            batches += [near[n : n + size] for n in range(0, len(near), size)]
        full = [batch for batch in batches if len(batch) == self._batch_size]
        short = [batch for batch in batches if len(batch) < self._batch_size]
        # A short batch goes last: the loader cuts batches by count alone.
        shuffled = torch.randperm(len(full), generator=draw).tolist()
        for batch in [*(full[number] for number in shuffled), *short]:
            yield from batch
