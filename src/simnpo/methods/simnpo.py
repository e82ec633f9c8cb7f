"""SimNPO: NPO without a reference, normalised by answer length (the paper's eq. 5 and 6)."""

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from simnpo.methods.base import ANSWER, Forward, Objective, require_positive
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL


def simnpo_loss(
    logps: Float[Tensor, " batch"],
    lengths: Float[Tensor, " batch"],
    beta: float,
    gamma: float = 0.0,
) -> Float[Tensor, " batch"]:
    """Return `-(2/beta) log sigmoid(-(beta/|y|) logp - gamma)` (eq. 5), bounded below by 0."""
    return -2 / beta * logsigmoid(-beta / lengths * logps - gamma)


def simnpo_weights(
    logps: Float[Tensor, " batch"],
    lengths: Float[Tensor, " batch"],
    beta: float,
    gamma: float = 0.0,
) -> Float[Tensor, " batch"]:
    """Return the weight of `grad logp` in SimNPO's gradient (eq. 6; with gamma, app. A4).

    With gamma = 0 it is `2 p^(b/|y|) / (1 + p^(b/|y|)) / |y|`, always below `2 / |y|`.
    """
    return 2 * (beta / lengths * logps + gamma).sigmoid() / lengths


@dataclass(frozen=True)
class SimNPO(Objective):
    """Make the answer's mean token unlikely, in itself and not relative to a reference."""

    has_weights: ClassVar[bool] = True

    beta: float = 2.5
    """Temperature; the released setting is 2.5 for TOFU forget05 and 4.5 for forget10."""
    gamma: float = 0.0
    """Reward margin, at least 0; the paper's default is 0."""

    def __post_init__(self) -> None:
        require_positive("beta", self.beta)
        if not 0 <= self.gamma < math.inf:
            raise ValueError(f"gamma must be at least 0, got {self.gamma}.")

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `simnpo_loss`."""
        scored = forward[ANSWER]
        return simnpo_loss(scored.logps, scored.lengths, self.beta, self.gamma)

    def gradient_weights(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `simnpo_weights`."""
        scored = forward[ANSWER]
        return simnpo_weights(scored.logps, scored.lengths, self.beta, self.gamma)


SIMNPO = Method("SimNPO", SimNPO(), NLL(), paper="arXiv 2410.07163")
