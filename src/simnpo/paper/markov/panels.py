"""The two panels of the paper's Fig. 5, and their data (app. H)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from torch import Tensor

from simnpo.paper.markov.chains import FORGET1, FORGET2, RETAIN, Chain, sample

LENGTH = 20
"""States of a sequence, where a panel does not say otherwise."""
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Panel:
    """One panel of Fig. 5: what sets Forget2 apart from Forget1, and the paper's betas."""

    name: str
    title: str
    forget2_length: int
    """States of a sequence of Forget2."""
    pretrain_on_forget2: bool
    """Whether the original model has learnt Forget2."""
    betas: dict[str, float]
    """The paper's choice of beta, by method."""


PANELS = {
    "short": Panel("short", "Forget2 is short", 5, True, {"npo": 0.2, "simnpo": 4}),
    "unseen": Panel("unseen", "Forget2 was never learnt", 20, False, {"npo": 1, "simnpo": 4}),
}
"""Left and right of Fig. 5."""
BETA_GRID = {"npo": (0.05, 0.1, 0.2, 0.5, 1.0, 2.0), "simnpo": (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)}
"""The paper searched a grid and does not give it: this one is ours, with the paper's choices in it
and as many values for either method."""


@dataclass(frozen=True)
class Size:
    """How large a study is; the defaults are the paper's."""

    retain: int = 10_000
    """Sequences of the retain chain, train and test together."""
    forget: int = 5_000
    """Sequences of each forget chain."""
    epochs: int = 5
    """Passes over the training sequences, for the original and the retrained model."""
    iterations: int = 50
    """Steps of unlearning, each followed by an evaluation."""


class Split(NamedTuple):
    """A chain's sequences."""

    chain: Chain
    train: Int[Tensor, "count length"]
    test: Int[Tensor, "held_out length"]


class PanelData(NamedTuple):
    """All sequences of a panel."""

    retain: Split
    forget1: Split
    forget2: Split

    @property
    def test_tokens(self) -> int:
        """Predicted states of all test sequences: every one but a sequence's first."""
        return sum(split.test[:, 1:].numel() for split in self)


def panel_data(panel: Panel, seed: int, size: Size) -> PanelData:
    """Draw a panel's sequences; retain and Forget1 are the same in every panel of a seed."""
    return PanelData(
        _split(RETAIN, size.retain, LENGTH, [seed, 0]),
        _split(FORGET1, size.forget, LENGTH, [seed, 1]),
        _split(FORGET2, size.forget, panel.forget2_length, [seed, 2]),
    )


def _split(chain: Chain, count: int, length: int, seed: list[int]) -> Split:
    states = sample(chain, count, length, np.random.default_rng(seed))
    train = count - round(count * TEST_SHARE)
    return Split(chain, states[:train], states[train:])  # independent draws: any split is random
