"""The chains: the matrices of app. H, and samples that follow them."""

import numpy as np
import pytest
import torch

from simnpo.paper.markov.chains import FORGET1, FORGET2, RETAIN, STATES, Chain, sample
from simnpo.paper.markov.panels import PANELS, Size, panel_data

CHAINS = (RETAIN, FORGET1, FORGET2)


def test_matrices_are_the_papers() -> None:
    """Epsilon 0.2: 0.8 / 3 within, 0.2 / 7 outside, 0.1 from any state that is not its own."""
    for chain, own in zip(CHAINS, ((0, 1, 2), (3, 4, 5), (6, 7, 8)), strict=True):
        for state in range(STATES):
            row = [0.8 / 3 if to in own else 0.2 / 7 for to in range(STATES)]
            expected = torch.tensor(row if state in own else [0.1] * STATES, dtype=torch.float64)
            torch.testing.assert_close(chain.transitions[state], expected)
        torch.testing.assert_close(chain.initial, chain.transitions[own[0]])


@pytest.mark.parametrize("chain", CHAINS)
def test_samples_follow_the_matrices(chain: Chain) -> None:
    """Each empirical row lies within four standard errors of the true one."""
    states = sample(chain, 20_000, 20, np.random.default_rng(0))
    assert states.shape == (20_000, 20) and states.min() == 0 and states.max() == STATES - 1
    counts = torch.zeros(STATES, STATES, dtype=torch.float64)
    pairs = (states[:, :-1].reshape(-1), states[:, 1:].reshape(-1))
    counts.index_put_(pairs, torch.ones(len(pairs[0]), dtype=torch.float64), accumulate=True)
    visits = counts.sum(-1, keepdim=True)
    true = chain.transitions
    errors = (true * (1 - true) / visits).sqrt()
    assert ((counts / visits - true).abs() < 4 * errors).all()
    first = torch.bincount(states[:, 0], minlength=STATES) / len(states)
    assert (first - chain.initial).abs().max() < 4 * (0.25 / len(states)) ** 0.5


def test_a_draw_at_the_very_top_is_a_state() -> None:
    """Sums of floats may end below 1; the last state takes what is left."""

    class AlmostOne(np.random.Generator):
        def random(self, shape: tuple[int, ...]) -> np.ndarray:  # type: ignore[override]
            return np.full(shape, np.nextafter(1, 0))

    states = sample(RETAIN, 2, 3, AlmostOne(np.random.PCG64(0)))
    assert states.eq(STATES - 1).all()


def test_panels_share_what_is_the_same() -> None:
    size = Size(retain=50, forget=20)
    short, unseen = (panel_data(PANELS[name], 7, size) for name in ("short", "unseen"))
    assert short.retain.train.equal(unseen.retain.train)
    assert short.forget1.test.equal(unseen.forget1.test)
    assert short.forget2.train.shape == (16, 5) and unseen.forget2.train.shape == (16, 20)
    assert short.retain.train.shape == (40, 20) and short.retain.test.shape == (10, 20)
    again = panel_data(PANELS["short"], 7, size)
    other = panel_data(PANELS["short"], 8, size)
    assert again.forget2.train.equal(short.forget2.train)
    assert not other.retain.train.equal(short.retain.train)
    assert not short.retain.train[:16].equal(short.forget1.train)
