"""Gradient ascent with a weight per token: WGA (arXiv 2502.19301) and SatImp (2505.11953)."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from simnpo.methods.base import ANSWER, Forward, Objective
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL


def wga_loss(token_logprobs: Float[Tensor, "batch time"], alpha: float) -> Float[Tensor, " batch"]:
    """Return `sum_t w_t log p_t` with `w_t = p_t^alpha`, which gets no gradient.

    GA's slope is the same for a token that is forgotten already; here the weight goes to 0 with
    its probability. `alpha = 0` is GA.
    """
    weights = (alpha * token_logprobs.detach()).exp()
    return (weights * token_logprobs).sum(-1)


def satimp_loss(
    token_logprobs: Float[Tensor, "batch time"], beta1: float, beta2: float
) -> Float[Tensor, " batch"]:
    """Return `sum_t w_t log p_t` with `w_t = p_t^beta1 (1 - p_t)^beta2`, which gets no gradient.

    The first factor (saturation) drops what is forgotten already, the second (importance) what the
    rest of the answer makes certain. `beta2 = 0` is WGA.
    """
    known = token_logprobs.detach()
    weights = (beta1 * known).exp() * (-known.expm1()).clamp(min=0) ** beta2
    return (weights * token_logprobs).sum(-1)


@dataclass(frozen=True)
class WGA(Objective):
    """Make the answer unlikely, each token the less the less likely it is."""

    alpha: float = 1.0
    """Power of a token's probability in its weight, at least 0."""

    def __post_init__(self) -> None:
        _require_power("alpha", self.alpha)

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `wga_loss`."""
        return wga_loss(forward[ANSWER].token_logprobs, self.alpha)


@dataclass(frozen=True)
class SatImp(Objective):
    """Make the answer unlikely, above all the tokens that are neither certain nor forgotten."""

    beta1: float = 5.0
    """Power of a token's probability in its weight (saturation), at least 0."""
    beta2: float = 1.0
    """Power of one minus a token's probability in its weight (importance), at least 0."""

    def __post_init__(self) -> None:
        _require_power("beta1", self.beta1)
        _require_power("beta2", self.beta2)

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `satimp_loss`."""
        return satimp_loss(forward[ANSWER].token_logprobs, self.beta1, self.beta2)


def _require_power(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be at least 0 and finite, got {value}.")


WGA_METHOD = Method("WGA", WGA(), NLL(), paper="arXiv 2502.19301")
SATIMP = Method("SatImp", SatImp(), NLL(), paper="arXiv 2505.11953")
