"""RKLD's teacher and divergence: numbers worked by hand, plain torch, and what is pushed down."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_scored import scored
from torch.nn.functional import kl_div

from simnpo.forward.logprobs import scatter_to_rows
from simnpo.forward.passes import places_of
from simnpo.methods.rkld import RKLD, reverse_kl_per_token, teacher_logits


def test_teacher_by_hand() -> None:
    original = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 4.0]])
    reinforced = torch.tensor([[1.5, 2.0, 1.0], [-2.0, 3.0, 4.25]])
    expected = torch.tensor([[-3.0, 2.0, 3.0], [0.0, -33.0, 2.0]])
    torch.testing.assert_close(teacher_logits(original, reinforced, 8.0), expected)


def test_reverse_kl_by_hand_is_of_the_current_model() -> None:
    current = torch.tensor([[0.5, 0.5], [0.25, 0.75]]).double().log()
    teacher = torch.tensor([[0.25, 0.75], [0.25, 0.75]]).double().log()
    expected = torch.tensor([0.5 * math.log(4 / 3), 0.0]).double()
    torch.testing.assert_close(reverse_kl_per_token(current, teacher), expected)


TARGETS = torch.zeros(3, dtype=torch.long)
"""The answers' tokens, which RKLD does not look at."""


@given(seed=st.integers(0, 10_000), alpha=st.floats(0.1, 20))
@settings(max_examples=30, deadline=None)
def test_loss_and_gradient_against_torch(seed: int, alpha: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    leaf, original, reinforced = (
        torch.randn(3, 6, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    mask = torch.tensor([[True, True], [True, False]])  # answers of two tokens and of one
    rows = scored([[-1.0, -1.0], [-1.0]])
    losses, gradients = [], []
    for plain in (False, True):
        current = leaf.clone().requires_grad_()
        if plain:
            teacher = original - alpha * torch.maximum(reinforced - original, torch.zeros(()))
            target = current.log_softmax(-1)
            parts = kl_div(teacher.log_softmax(-1), target, reduction="none", log_target=True)
            first, second, third = parts.sum(-1)
            loss = torch.stack([(first + second) / 2, third])
        else:
            objective = RKLD(alpha)
            reference = objective.reference_logits(original, reinforced).log_softmax(-1)
            values = objective.divergence(current.log_softmax(-1), reference, TARGETS)
            loss = objective.loss(
                {
                    "answer": rows._replace(
                        divergences=scatter_to_rows(values, places_of(mask), mask)
                    )
                }
            )
        loss.sum().backward()
        losses.append(loss.detach())
        gradients.append(current.grad)
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*gradients)
    assert (losses[0] >= 0).all()


def test_what_over_fitting_raised_is_pushed_down() -> None:
    """From where unlearning starts, on the very token that the reinforced model likes better."""
    original = torch.tensor([[2.0, 0.0, 1.0, 0.5]])
    reinforced = original + torch.tensor([[1.5, -0.5, -0.5, -0.5]])
    current = original.clone().requires_grad_()
    objective = RKLD()
    teacher = objective.reference_logits(original, reinforced).log_softmax(-1)
    objective.divergence(current.log_softmax(-1), teacher, TARGETS[:1]).sum().backward()
    assert current.grad is not None
    assert (current.grad > 0).tolist() == [[True, False, False, False]]
