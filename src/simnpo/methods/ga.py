"""Gradient ascent, plain and weighted by answer length."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from simnpo.methods.base import ANSWER, Forward, Objective
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL


def ga_loss(logps: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Return `logp`, to be minimised: gradient ascent on the likelihood (paper, sec. 3).

    It has no lower bound. NPO tends to it, up to a constant, as beta goes to 0.
    """
    return logps


def weighted_ga_loss(
    logps: Float[Tensor, " batch"], lengths: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Return `logp / |y|`: SimNPO as beta goes to 0, up to a constant (paper, app. F)."""
    return logps / lengths


@dataclass(frozen=True)
class GA(Objective):
    """Make the answer unlikely, without bound."""

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `ga_loss`."""
        return ga_loss(forward[ANSWER].logps)


@dataclass(frozen=True)
class WeightedGA(Objective):
    """Make the answer unlikely, without bound, every answer alike whatever its length."""

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `weighted_ga_loss`."""
        return weighted_ga_loss(forward[ANSWER].logps, forward[ANSWER].lengths)


GA_METHOD = Method("GA", GA(), None, paper="arXiv 2210.01504")
GRAD_DIFF = Method("GradDiff", GA(), NLL(), paper="arXiv 2401.06121")
WEIGHTED_GRAD_DIFF = Method("Weighted-GradDiff", WeightedGA(), NLL(), paper="arXiv 2410.07163")
