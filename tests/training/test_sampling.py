"""Length-grouped batches: every example once an epoch, anew each epoch, with less padding."""

import random

from hypothesis import given
from hypothesis import strategies as st

from simnpo.data.encoding import Encoded
from simnpo.methods.nll import NLL
from simnpo.training.sampling import LengthGroupedSampler, ShuffledSampler
from simnpo.training.terms import PairedDataset, Term


def sampler(lengths: list[int], batch_size: int, seed: int = 0) -> LengthGroupedSampler:
    encoded = [Encoded(tuple(range(length)), 1) for length in lengths]
    term = Term("retain", NLL(), 1.0, {"answer": encoded})
    return LengthGroupedSampler(term, PairedDataset([term], seed), batch_size)


@given(st.lists(st.integers(2, 30), min_size=1, max_size=80), st.integers(1, 9))
def test_every_example_once(lengths: list[int], batch_size: int) -> None:
    order = list(sampler(lengths, batch_size))
    assert sorted(order) == list(range(len(lengths)))


def test_epochs_and_seeds_differ_and_repeat() -> None:
    lengths = [random.Random(0).randint(2, 60) for _ in range(64)]
    one = sampler(lengths, 4)
    first = list(one)
    assert list(one) == first
    one._pairs.epoch = 1
    assert list(one) != first
    assert list(sampler(lengths, 4, seed=1)) != first


def test_padding_is_saved() -> None:
    lengths = [random.Random(n).randint(2, 60) for n in range(640)]

    def padded(order: list[int]) -> int:
        batches = [order[n : n + 8] for n in range(0, len(order), 8)]
        return sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)

    assert padded(list(sampler(lengths, 8))) < 0.75 * padded(list(range(640)))


def test_no_seed_repeats_another_ones_later_epochs() -> None:
    """Seeds stand for independent runs: seed 1 must not be seed 0 an epoch later."""
    lengths = [random.Random(0).randint(2, 60) for _ in range(64)]
    orders = []
    for seed in range(4):
        grouped = sampler(lengths, 4, seed)
        for epoch in range(4):
            grouped._pairs.epoch = epoch
            orders.append(tuple(ShuffledSampler(grouped._pairs, seed)))
            orders.append(tuple(grouped))
    assert len(set(orders)) == len(orders)
