"""The paper's gradient weights (eq. 4 and 6), in terms of probabilities, against autograd."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from simnpo.methods.ga import ga_loss, weighted_ga_loss
from simnpo.methods.npo import npo_loss, npo_weights
from simnpo.methods.simnpo import simnpo_loss, simnpo_weights

# Small enough that p and p^beta are above float64's smallest number: no logarithms needed.
ROWS = st.lists(
    st.tuples(st.floats(-60, -1e-3), st.floats(-60, -1e-3), st.integers(1, 100)),
    min_size=1,
    max_size=5,
)
BETAS = st.floats(0.01, 5)


def columns(rows: list[tuple[float, float, int]]) -> tuple[Tensor, Tensor, Tensor]:
    logps, reference, lengths = torch.tensor(rows, dtype=torch.float64).unbind(-1)
    return logps, reference, lengths


def slope(loss: Callable[[Tensor], Tensor], logps: Tensor) -> Tensor:
    at = logps.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(at).sum(), at)
    return gradient


@given(ROWS, BETAS)
@settings(max_examples=80, deadline=None)
def test_npo_gradient_is_eq_4(rows: list[tuple[float, float, int]], beta: float) -> None:
    logps, reference, _ = columns(rows)
    p, p_ref = logps.exp() ** beta, reference.exp() ** beta
    literal = 2 * p / (p + p_ref)
    torch.testing.assert_close(npo_weights(logps, reference, beta), literal)
    torch.testing.assert_close(slope(lambda at: npo_loss(at, reference, beta), logps), literal)


@given(ROWS, BETAS)
@settings(max_examples=80, deadline=None)
def test_simnpo_gradient_is_eq_6_and_below_two_over_the_length(
    rows: list[tuple[float, float, int]], beta: float
) -> None:
    logps, _, lengths = columns(rows)
    p = logps.exp() ** (beta / lengths)
    literal = 2 * p / (1 + p) / lengths
    torch.testing.assert_close(simnpo_weights(logps, lengths, beta), literal)
    torch.testing.assert_close(slope(lambda at: simnpo_loss(at, lengths, beta), logps), literal)
    assert (simnpo_weights(logps, lengths, beta) < 2 / lengths).all()


@given(ROWS, BETAS, st.floats(0, 3))
@settings(max_examples=80, deadline=None)
def test_simnpo_gradient_with_a_margin_shifts_the_log_probability(
    rows: list[tuple[float, float, int]], beta: float, gamma: float
) -> None:
    logps, _, lengths = columns(rows)
    # App. A4: log p + gamma |y| / beta instead of log p.
    p = logps.exp() ** (beta / lengths) * math.exp(gamma)
    literal = 2 * p / (1 + p) / lengths
    torch.testing.assert_close(simnpo_weights(logps, lengths, beta, gamma), literal)
    torch.testing.assert_close(
        slope(lambda at: simnpo_loss(at, lengths, beta, gamma), logps), literal
    )


@given(ROWS)
@settings(max_examples=40, deadline=None)
def test_small_beta_gives_gradient_ascent(rows: list[tuple[float, float, int]]) -> None:
    logps, reference, lengths = columns(rows)
    near = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(
        slope(lambda at: npo_loss(at, reference, 1e-6), logps), slope(ga_loss, logps), **near
    )
    torch.testing.assert_close(
        slope(lambda at: simnpo_loss(at, lengths, 1e-6), logps),
        slope(lambda at: weighted_ga_loss(at, lengths), logps),
        **near,
    )
    # The losses themselves tend to gradient ascent's up to a constant.
    constant = 2 / 1e-6 * torch.tensor(2.0).double().log()
    torch.testing.assert_close(
        npo_loss(logps, reference, 1e-6) - constant, logps - reference, rtol=1e-2, atol=1e-2
    )


def test_weights_worked_by_hand() -> None:
    half = torch.tensor([0.5]).double().log()
    quarter = torch.tensor([0.25]).double().log()
    ones = torch.ones(1).double()
    # 2 * 0.25 / (0.25 + 0.5), and 2 * 0.5 / (1 + 0.5) / 2 for two tokens of p = 0.25 in all
    torch.testing.assert_close(npo_weights(quarter, half, 1.0), ones * 2 / 3)
    torch.testing.assert_close(npo_weights(half, half, 0.1), ones)
    torch.testing.assert_close(simnpo_weights(quarter, ones * 2, 1.0), ones / 3)


@pytest.mark.parametrize("logp", [-1e6, -1e3, 0.0])
def test_weights_stay_finite_in_float32(logp: float) -> None:
    logps, lengths = torch.tensor([logp]), torch.tensor([3.0])
    for weight in (
        npo_weights(logps, torch.tensor([-500.0]), 0.1),
        simnpo_weights(logps, lengths, 4.5),
    ):
        assert weight.isfinite().all() and 0 <= weight.item() <= 2
