"""The order of an epoch, drawn anew each time: shuffled, or in batches of similar length."""

import math
from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from simnpo.system import distributed
from simnpo.training.terms import FILLER, PairedDataset, Term

BATCHES_SORTED_TOGETHER = 16


def _draw(seed: int, epoch: int) -> torch.Generator:
    """Return a generator that no other seed has at any epoch, as their sum would."""
    return torch.Generator().manual_seed(seed * 100_003 + epoch)


class ShuffledSampler(Sampler[int]):
    """Shuffles by the seed and the dataset's epoch alone, on every process alike."""

    def __init__(self, pairs: PairedDataset, seed: int):
        self._pairs, self._seed = pairs, seed

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[int]:
        draw = _draw(self._seed, self._pairs.epoch)
        yield from torch.randperm(len(self), generator=draw).tolist()


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
        draw = _draw(self._pairs.seed, self._pairs.epoch)
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


class EvenSampler(Sampler[int]):
    """Adds fillers to an order until its length is a multiple, so that processes share it evenly.

    Without them accelerate would repeat examples from the beginning.
    """

    def __init__(self, order: ShuffledSampler | LengthGroupedSampler, multiple: int):
        self._order, self._multiple = order, multiple

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._multiple) * self._multiple

    def __iter__(self) -> Iterator[int]:
        yield from self._order
        yield from [FILLER] * (len(self) - len(self._order))


def sampler(
    pairs: PairedDataset, seed: int, batch_size: int, by_length: Term | None = None
) -> Sampler[int]:
    """Return an epoch's order: shuffled by the seed, or in batches of similar length.

    Args:
        pairs: the dataset that the order runs over.
        seed: the seed of a plain shuffle; batches of similar length use the dataset's own.
        batch_size: examples a step on one process.
        by_length: the term whose rows decide which examples are of similar length.
    """
    order = (
        ShuffledSampler(pairs, seed)
        if by_length is None
        else LengthGroupedSampler(by_length, pairs, batch_size)
    )
    processes = distributed.world_size()
    return order if processes == 1 else EvenSampler(order, batch_size * processes)
