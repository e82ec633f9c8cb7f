"""Negative preference optimization (arXiv 2404.05868; the paper's eq. 3 and 4)."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from simnpo.methods.base import ANSWER, Forward, Objective, require_positive
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL


def npo_loss(
    logps: Float[Tensor, " batch"], reference_logps: Float[Tensor, " batch"], beta: float
) -> Float[Tensor, " batch"]:
    """Return `-(2/beta) log sigmoid(-beta (logp - logp_ref))` (eq. 3); it is bounded below by 0."""
    return -2 / beta * logsigmoid(-beta * (logps - reference_logps))


def npo_weights(
    logps: Float[Tensor, " batch"], reference_logps: Float[Tensor, " batch"], beta: float
) -> Float[Tensor, " batch"]:
    """Return the weight of `grad logp` in NPO's gradient, `2 p^b / (p^b + p_ref^b)` (eq. 4)."""
    return 2 * (beta * (logps - reference_logps)).sigmoid()


@dataclass(frozen=True)
class NPO(Objective):
    """Make the answer less likely than under the reference."""

    needs_reference_logps: ClassVar[bool] = True
    has_weights: ClassVar[bool] = True

    beta: float = 0.1
    """Temperature; 0.1 is NPO's own, the paper's grid is 0.05 to 0.2."""

    def __post_init__(self) -> None:
        require_positive("beta", self.beta)

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `npo_loss`."""
        scored = forward[ANSWER]
        assert scored.reference_logps is not None
        return npo_loss(scored.logps, scored.reference_logps, self.beta)

    def gradient_weights(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `npo_weights`."""
        scored = forward[ANSWER]
        assert scored.reference_logps is not None
        return npo_weights(scored.logps, scored.reference_logps, self.beta)


NPO_METHOD = Method("NPO", NPO(), NLL(), paper="arXiv 2404.05868")
