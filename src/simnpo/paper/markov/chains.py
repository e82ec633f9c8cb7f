"""The chains of the study: each mostly stays among three of ten states (app. H)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

STATES = 10
LEAKAGE = 0.2
"""Probability of a step from a chain's own states to any other, epsilon in the paper."""


@dataclass(frozen=True)
class Chain:
    """A Markov chain that moves evenly among its `own` states and now and then leaves them."""

    own: tuple[int, ...]
    """Its own states, counted from 0 (the paper counts from 1)."""

    @cached_property
    def initial(self) -> Float[Tensor, " states"]:
        """Distribution of the first state: `1 - LEAKAGE` on the own states, the rest elsewhere."""
        outside = LEAKAGE / (STATES - len(self.own))
        row = torch.full((STATES,), outside, dtype=torch.float64)
        row[list(self.own)] = (1 - LEAKAGE) / len(self.own)
        return row

    @cached_property
    def transitions(self) -> Float[Tensor, "states states"]:
        """Row i is the distribution after state i: `initial` for own states, else uniform."""
        rows = torch.full((STATES, STATES), 1 / STATES, dtype=torch.float64)
        rows[list(self.own)] = self.initial
        return rows


RETAIN, FORGET1, FORGET2 = Chain((0, 1, 2)), Chain((3, 4, 5)), Chain((6, 7, 8))
"""The three chains; state 9 belongs to none."""


def sample(
    chain: Chain, count: int, length: int, random: np.random.Generator
) -> Int[Tensor, "count length"]:
    """Draw `count` sequences of `length` states, all of them at once, state after state."""
    steps = np.cumsum(chain.transitions.numpy(), axis=1)[:, :-1]
    start = np.cumsum(chain.initial.numpy())[:-1]
    drawn = random.random((length, count, 1))
    states = np.empty((count, length), dtype=np.int64)
    states[:, 0] = (drawn[0] >= start).sum(-1)
    for time in range(1, length):
        # The next state is the number of cumulated probabilities that the draw has passed.
        states[:, time] = (drawn[time] >= steps[states[:, time - 1]]).sum(-1)
    return torch.from_numpy(states)
