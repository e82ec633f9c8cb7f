"""KL divergence from the original model: the retain term that compares whole distributions."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from simnpo.methods.base import DivergenceObjective


def kl_per_token(
    log_distributions: Float[Tensor, "tokens vocab"],
    reference_log_distributions: Float[Tensor, "tokens vocab"],
) -> Float[Tensor, " tokens"]:
    """Return KL(original || current) at each token, in nats: TOFU's `KL` baseline."""
    gap = reference_log_distributions - log_distributions
    return (reference_log_distributions.exp() * gap).sum(-1)


def kl_loss(
    divergences: Float[Tensor, "batch time"], lengths: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Return the mean of `kl_per_token` over an answer's tokens, in nats."""
    return divergences.sum(-1) / lengths


@dataclass(frozen=True)
class KL(DivergenceObjective):
    """Stay close to the original model's distribution at every answer token."""

    def divergence(
        self,
        log_distributions: Float[Tensor, "tokens vocab"],
        reference_log_distributions: Float[Tensor, "tokens vocab"],
        targets: Int[Tensor, " tokens"],
    ) -> Float[Tensor, " tokens"]:
        """See `kl_per_token`."""
        return kl_per_token(log_distributions, reference_log_distributions)
