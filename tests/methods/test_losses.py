"""Every loss: numbers worked by hand, a plain version beside it, bounds and refused shapes."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from tiny_scored import scored
from torch import Tensor

from simnpo.forward.logprobs import scatter_to_rows
from simnpo.forward.passes import places_of
from simnpo.methods.base import Scored
from simnpo.methods.ceu import CEU
from simnpo.methods.dpo import AlternateDPO, RefusalDPO, dpo_loss
from simnpo.methods.ga import GA, WeightedGA, ga_loss, weighted_ga_loss
from simnpo.methods.kl import KL, kl_loss, kl_per_token
from simnpo.methods.nll import NLL, RefusalNLL, nll_loss
from simnpo.methods.npo import NPO, npo_loss
from simnpo.methods.rmu import RMU, KeepActivations, control_vector
from simnpo.methods.simnpo import SimNPO, simnpo_loss
from simnpo.methods.undial import UNDIAL, undial_per_token
from simnpo.methods.wga import WGA, SatImp, satimp_loss, wga_loss

LN2, LN3 = math.log(2), math.log(3)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def forward() -> dict[str, object]:
    answer = scored([[-1.0, -2.0, -3.0], [-1.0]], reference=[-5.0, -2.0])
    refusal = scored([[-0.5, -0.5], [-4.0, -2.0]], reference=[-2.0, -2.0])
    return {"answer": answer, "refusal": refusal, "alternate": refusal}


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (GA(), [-6.0, -1.0]),
        (WeightedGA(), [-2.0, -1.0]),
        (NLL(), [2.0, 1.0]),
        (RefusalNLL(), [0.5, 3.0]),
        # gaps to the reference -1 and +1; 2 / 0.5 = 4
        (NPO(beta=0.5), [4 * math.log1p(math.exp(-0.5)), 4 * math.log1p(math.exp(0.5))]),
        # mean log-probs -2 and -1
        (SimNPO(beta=2.5), [0.8 * math.log1p(math.exp(-5)), 0.8 * math.log1p(math.exp(-2.5))]),
        (
            SimNPO(beta=2.5, gamma=1.0),
            [0.8 * math.log1p(math.exp(-4)), 0.8 * math.log1p(math.exp(-1.5))],
        ),
        # refusal gaps +1 and -4, answer gaps -1 and +1: margins 2 and -5
        (RefusalDPO(beta=0.5), [4 * math.log1p(math.exp(-1)), 4 * math.log1p(math.exp(2.5))]),
        (AlternateDPO(beta=0.5), [4 * math.log1p(math.exp(-1)), 4 * math.log1p(math.exp(2.5))]),
        (WGA(alpha=0.0), [-6.0, -1.0]),
        (WGA(alpha=2.0), [-math.exp(-2) - 2 * math.exp(-4) - 3 * math.exp(-6), -math.exp(-2)]),
        (
            SatImp(beta1=2.0, beta2=1.0),
            [
                -sum(t * math.exp(-2 * t) * (1 - math.exp(-t)) for t in (1, 2, 3)),
                -math.exp(-2) * (1 - math.exp(-1)),
            ],
        ),
    ],
)
def test_objectives_on_two_answers_worked_by_hand(objective, expected) -> None:
    torch.testing.assert_close(objective.loss(forward()), double(*expected))


@pytest.mark.parametrize(
    ("gap", "beta", "expected"),
    [(0.0, 0.1, 20 * LN2), (2 * LN3, 0.5, 4 * math.log(4)), (-2 * LN3, 0.5, 4 * math.log(4 / 3))],
)
def test_npo_by_hand(gap: float, beta: float, expected: float) -> None:
    loss = npo_loss(double(-40.0 + gap), double(-40.0), beta)
    torch.testing.assert_close(loss, double(expected))


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [(0.0, math.log(10 / 9)), (LN3, math.log(4 / 3)), (2 * LN3, LN2), (3 * LN3, math.log(4))],
)
def test_simnpo_by_hand(gamma: float, expected: float) -> None:
    # beta / |y| * logp = 2/3 * -3 ln 3 = -ln 9
    loss = simnpo_loss(double(-3 * LN3), double(3.0), 2.0, gamma)
    torch.testing.assert_close(loss, double(expected))


def test_dpo_by_hand() -> None:
    # beta * (chosen - rejected) = 0.5 * 2 ln 3 = ln 3, whose sigmoid is 3/4
    loss = dpo_loss(double(LN3), double(-LN3), 0.5)
    torch.testing.assert_close(loss, double(4 * math.log(4 / 3)))


def test_kl_by_hand_is_of_the_original_and_averaged_over_an_answers_own_tokens() -> None:
    reference = torch.tensor([[0.5, 0.5], [0.25, 0.75], [0.75, 0.25]]).double().log()
    current = torch.tensor([[0.25, 0.75], [0.25, 0.75], [0.5, 0.5]]).double().log()
    # Row 0 holds tokens 0 and 1 (columns 1, 2), row 1 holds token 2 (column 0).
    mask = torch.tensor([[False, True, True], [True, False, False]])
    expected = double(0.5 * math.log(4 / 3) / 2, 0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    per_token = KL().divergence(current, reference, torch.tensor([0, 0, 1]))
    divergences = scatter_to_rows(per_token, places_of(mask), mask)
    torch.testing.assert_close(kl_loss(divergences, mask.sum(-1).double()), expected)
    rows = scored([[0.0, -1.0, -1.0], [-1.0]])._replace(mask=mask, divergences=divergences)
    torch.testing.assert_close(KL().loss({"answer": rows}), expected)


@given(rows=st.integers(1, 3), tokens=st.integers(1, 4), seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_kl_against_torch_and_is_zero_only_at_the_original(
    rows: int, tokens: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(rows, tokens, dtype=torch.bool)
    mask[0, 1:] = False
    shape = (int(mask.sum()), 5)
    current, reference = (
        torch.randn(shape, generator=generator, dtype=torch.float64).log_softmax(-1)
        for _ in range(2)
    )
    per_token = torch.nn.functional.kl_div(current, reference, reduction="none", log_target=True)
    pieces = per_token.sum(-1).split(mask.sum(-1).tolist())
    expected = torch.stack([piece.mean() for piece in pieces])
    found = kl_loss(
        scatter_to_rows(kl_per_token(current, reference), places_of(mask), mask),
        mask.sum(-1).double(),
    )
    torch.testing.assert_close(found, expected)
    assert (expected > 0).all()
    assert kl_per_token(reference, reference).abs().max() == 0


def test_undial_by_hand() -> None:
    # The original gives 3/4 and 1/4; lowered by ln 3, the first token is as likely as the second.
    reference = torch.tensor([[0.75, 0.25], [0.25, 0.75]]).double().log()
    current = torch.tensor([[0.5, 0.5], [0.25, 0.75]]).double().log()
    targets = torch.tensor([0, 1])
    per_token = UNDIAL(beta=LN3).divergence(current, reference, targets)
    torch.testing.assert_close(per_token, double(LN2, (math.log(4) + math.log(4 / 3)) / 2))
    rows = scored([[-1.0, -1.0]])
    rows = rows._replace(divergences=scatter_to_rows(per_token, places_of(rows.mask), rows.mask))
    torch.testing.assert_close(UNDIAL().loss({"answer": rows}), per_token.mean()[None])


@given(beta=st.floats(0.1, 30), seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_undial_against_its_definition_on_logits(beta: float, seed: int) -> None:
    """Adjusted logits of the teacher, cross-entropy of torch; least where the teacher is met."""
    generator = torch.Generator().manual_seed(seed)
    logits, teacher = torch.randn(2, 6, 9, generator=generator, dtype=torch.float64) * 3
    targets = torch.randint(9, (6,), generator=generator)
    adjusted = teacher.clone()
    adjusted[torch.arange(6), targets] -= beta
    goal = adjusted.softmax(-1)
    expected = torch.nn.functional.cross_entropy(logits, goal, reduction="none")
    dists = logits.log_softmax(-1), teacher.log_softmax(-1)
    torch.testing.assert_close(undial_per_token(*dists, targets, beta), expected)
    least = undial_per_token(goal.log(), dists[1], targets, beta)
    assert (least <= expected).all()


def test_ceu_is_its_definition_and_its_gradient_that_of_unlikelihood() -> None:
    torch.manual_seed(0)
    logits = (torch.randn(5, 7, dtype=torch.float64) * 2).requires_grad_()
    targets = torch.tensor([0, 3, 6, 2, 2])
    without = logits.detach().clone()
    without[torch.arange(5), targets] = -torch.inf
    expected = torch.nn.functional.cross_entropy(logits, without.softmax(-1), reduction="none")
    dists = logits.log_softmax(-1)
    found = CEU().divergence(dists, dists.detach(), targets)
    torch.testing.assert_close(found, expected)
    (slope,) = torch.autograd.grad(found.sum(), logits, retain_graph=True)
    p = dists.exp()[torch.arange(5), targets]
    (unlikelihood,) = torch.autograd.grad(-torch.log1p(-p).sum(), logits)
    torch.testing.assert_close(slope, unlikelihood)


def test_ceu_keeps_its_gradient_on_a_memorised_token_in_float32() -> None:
    """There `1 - p` is 0 in float32, so that of `-log(1 - p)` would be infinite or none."""
    logits = torch.tensor([[30.0, 1.0, 0.0]]).requires_grad_()
    dists = logits.log_softmax(-1)
    CEU().divergence(dists, dists.detach(), torch.tensor([0])).sum().backward()
    rest = torch.tensor([1.0, 0.0]).softmax(-1)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad[0], torch.cat([torch.ones(1), -rest]))


@given(st.lists(st.floats(-50, -1e-4), min_size=1, max_size=6), st.floats(0, 8), st.floats(0, 4))
@settings(max_examples=60, deadline=None)
def test_token_weights_get_no_gradient(logps: list[float], one: float, two: float) -> None:
    """The slope at a token is its weight; without a second power SatImp is WGA."""
    tokens = double(*logps)[None].requires_grad_()
    (slope,) = torch.autograd.grad(satimp_loss(tokens, one, two).sum(), tokens)
    weights = [math.exp(one * logp) * (1 - math.exp(logp)) ** two for logp in logps]
    torch.testing.assert_close(slope[0], double(*weights))
    torch.testing.assert_close(satimp_loss(tokens, one, 0.0), wga_loss(tokens, one))
    torch.testing.assert_close(wga_loss(tokens, 0.0), tokens.sum(-1))


def activated(*columns: Tensor, **changes: Tensor) -> dict[str, Scored]:
    """Two examples, of two tokens and of one; a column holds a width of 4."""
    rows = scored([[0.0, 0.0], [0.0]])
    return {"answer": rows._replace(activations=torch.stack(columns, dim=1), **changes)}


def test_rmu_by_hand() -> None:
    # Its goal is 6 along the first axis for one example, along the second for the other.
    vectors = torch.eye(4)[:2]
    first = torch.tensor([[6.0, 0, 0, 0], [6.0, 0, 0, 0]])
    second = torch.tensor([[6.0, 2, 2, 0], [99.0, 99, 99, 99]])  # no answer in the second example
    loss = RMU(steering_coefficient=6.0).loss(activated(first, second, control_vectors=vectors))
    torch.testing.assert_close(loss, torch.tensor([(0 + 2.0) / 2, 18.0]))


def test_kept_activations_by_hand() -> None:
    first, second = torch.ones(2, 4), torch.full((2, 4), 5.0)
    reference = torch.stack([first + 1, second - 2], dim=1)
    loss = KeepActivations().loss(activated(first, second, reference_activations=reference))
    torch.testing.assert_close(loss, torch.tensor([(1 + 4.0) / 2, 1.0]))


def test_control_vectors_are_fixed_by_seed_and_topic() -> None:
    one = control_vector("bio", 0, 64)
    assert one.norm().item() == pytest.approx(1) and (one >= 0).all()
    assert torch.equal(one, control_vector("bio", 0, 64))
    for other in (control_vector("cyber", 0, 64), control_vector("bio", 1, 64)):
        assert not torch.allclose(one, other)


LOGPS = st.floats(-300, -1e-3)
BETAS = st.floats(0.01, 8)


@given(st.lists(st.tuples(LOGPS, LOGPS, st.integers(1, 200)), min_size=1, max_size=5), BETAS)
@settings(max_examples=80, deadline=None)
def test_losses_against_plain_versions(rows: list[tuple[float, float, int]], beta: float) -> None:
    logps, reference, lengths = (double(*map(float, column)) for column in zip(*rows, strict=True))

    def softplus(value: float) -> float:
        return max(value, 0) + math.log1p(math.exp(-abs(value)))

    npo = [2 / beta * softplus(beta * (p - r)) for p, r, _ in rows]
    simnpo = [2 / beta * softplus(beta * p / n + 0.3) for p, _, n in rows]
    dpo = [2 / beta * softplus(-beta * (p - r)) for p, r, _ in rows]
    torch.testing.assert_close(npo_loss(logps, reference, beta), double(*npo))
    torch.testing.assert_close(simnpo_loss(logps, lengths, beta, 0.3), double(*simnpo))
    torch.testing.assert_close(dpo_loss(logps, reference, beta), double(*dpo))
    torch.testing.assert_close(nll_loss(logps, lengths), double(*(-p / n for p, _, n in rows)))
    torch.testing.assert_close(
        weighted_ga_loss(logps, lengths), double(*(p / n for p, _, n in rows))
    )
    torch.testing.assert_close(ga_loss(logps), logps)


@given(logp=st.floats(-1e5, 0), reference=st.floats(-1e5, 0), beta=st.floats(1e-4, 50))
@settings(max_examples=80, deadline=None)
def test_bounded_losses_stay_at_or_above_zero_and_finite_in_float32(
    logp: float, reference: float, beta: float
) -> None:
    one = torch.tensor([logp]).requires_grad_()
    for loss in (
        npo_loss(one, torch.tensor([reference]), beta),
        simnpo_loss(one, torch.tensor([7.0]), beta, 0.5),
        dpo_loss(torch.tensor([reference]), one, beta),
    ):
        assert loss.item() >= 0 and loss.isfinite().all()
        (gradient,) = torch.autograd.grad(loss.sum(), one)
        assert gradient.isfinite().all()


@pytest.mark.parametrize(
    "call",
    [
        lambda three, one: npo_loss(three, one, 0.1),
        lambda three, one: npo_loss(three, one[0], 0.1),
        lambda three, one: npo_loss(three[None], three[None], 0.1),
        lambda three, one: simnpo_loss(three, one, 2.5),
        lambda three, one: dpo_loss(three, one, 0.1),
        lambda three, one: nll_loss(one, three),
        lambda three, one: weighted_ga_loss(three, one),
        lambda three, one: kl_loss(three[:, None], one),
        lambda three, one: ga_loss(three.long()),
    ],
)
def test_mismatched_shapes_are_refused_and_not_broadcast(
    call: Callable[[Tensor, Tensor], Tensor],
) -> None:
    with pytest.raises(TypeCheckError):
        call(torch.full((3,), -1.0), torch.full((1,), -1.0))
