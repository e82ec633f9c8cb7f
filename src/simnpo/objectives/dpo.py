"""IDK as preference: direct preference optimization with a refusal preferred (arXiv 2305.18290)."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from simnpo.objectives.base import ANSWER, REFUSAL, Forward, Objective, Scored, require_positive


def dpo_loss(
    chosen_logratios: Float[Tensor, " batch"],
    rejected_logratios: Float[Tensor, " batch"],
    beta: float,
) -> Float[Tensor, " batch"]:
    """Return `-(2/beta) log sigmoid(beta (chosen - rejected))` of `logp - logp_ref` each.

    DPO's own loss times `2/beta`, the scale that the NPO paper gives DPO when it unlearns: then
    beta changes the shape of the loss and not the size of its first gradient.
    """
    return -2 / beta * logsigmoid(beta * (chosen_logratios - rejected_logratios))


@dataclass(frozen=True)
class RefusalDPO(Objective):
    """Prefer a refusal to the true answer, each measured against the reference."""

    answers: ClassVar[tuple[str, ...]] = (REFUSAL, ANSWER)
    needs_reference_logps: ClassVar[bool] = True

    beta: float = 0.1
    """Temperature."""

    def __post_init__(self) -> None:
        require_positive("beta", self.beta)

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `dpo_loss`."""
        return dpo_loss(_logratios(forward[REFUSAL]), _logratios(forward[ANSWER]), self.beta)


def _logratios(scored: Scored) -> Float[Tensor, " batch"]:
    assert scored.reference_logps is not None
    return scored.logps - scored.reference_logps
