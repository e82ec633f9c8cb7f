"""KL divergence from the original model: the retain term that keeps whole distributions."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from simnpo.logprobs import spread
from simnpo.objectives.base import ANSWER, Forward, Objective


def kl_loss(
    log_distributions: Float[Tensor, "tokens vocab"],
    reference_log_distributions: Float[Tensor, "tokens vocab"],
    mask: Bool[Tensor, "batch time"],
) -> Float[Tensor, " batch"]:
    """Return KL(original || current), averaged over an answer's tokens, in nats.

    TOFU's `KL` baseline, restricted to answer tokens as every other objective here.
    """
    gap = reference_log_distributions - log_distributions
    per_token = (reference_log_distributions.exp() * gap).sum(-1)
    per_example: Tensor = spread(per_token, mask).sum(-1) / mask.sum(-1)
    return per_example


@dataclass(frozen=True)
class KL(Objective):
    """Stay close to the original model's distribution at every answer token."""

    needs_distributions: ClassVar[bool] = True

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `kl_loss`."""
        scored = forward[ANSWER]
        assert scored.log_distributions is not None
        assert scored.reference_log_distributions is not None
        return kl_loss(scored.log_distributions, scored.reference_log_distributions, scored.mask)
