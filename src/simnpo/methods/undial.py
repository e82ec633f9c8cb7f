"""UNDIAL: self-distillation to the original model's adjusted logits (arXiv 2402.10052)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from simnpo.methods.base import DivergenceObjective, require_positive
from simnpo.methods.method import Method


def undial_per_token(
    log_distributions: Float[Tensor, "tokens vocab"],
    reference_log_distributions: Float[Tensor, "tokens vocab"],
    targets: Int[Tensor, " tokens"],
    beta: float,
) -> Float[Tensor, " tokens"]:
    """Return `H(softmax(z_ref - beta one_hot(y)), pi)` at each token, in nats.

    The reference's log-probs stand in for its logits, since softmax does not see a constant. With
    `beta = inf` the target gives the answer's token no probability at all.
    """
    lowered = torch.full_like(targets, -beta, dtype=log_distributions.dtype)
    teacher = reference_log_distributions.scatter_add(-1, targets[:, None], lowered[:, None])
    return -(teacher.softmax(-1) * log_distributions).sum(-1)


@dataclass(frozen=True)
class UNDIAL(DivergenceObjective):
    """Go on as the original does, but with the answer's tokens made unlikely."""

    beta: float = 10.0
    """How far the logit of the answer's token is lowered, above 0."""

    def __post_init__(self) -> None:
        require_positive("beta", self.beta)

    def divergence(
        self,
        log_distributions: Float[Tensor, "tokens vocab"],
        reference_log_distributions: Float[Tensor, "tokens vocab"],
        targets: Int[Tensor, " tokens"],
    ) -> Float[Tensor, " tokens"]:
        """See `undial_per_token`."""
        return undial_per_token(log_distributions, reference_log_distributions, targets, self.beta)


UNDIAL_METHOD = Method("UNDIAL", UNDIAL(), None, paper="arXiv 2402.10052")
