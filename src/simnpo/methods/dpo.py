"""Direct preference optimization (arXiv 2305.18290): IDK as preference, and AltPO."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from simnpo.methods.base import (
    ALTERNATE,
    ANSWER,
    REFUSAL,
    Forward,
    Objective,
    Scored,
    require_positive,
)
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL


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
class DPO(Objective):
    """Prefer the first of `answers` to the second, each measured against the reference."""

    needs_reference_logps: ClassVar[bool] = True

    beta: float = 0.1
    """Temperature."""

    def __post_init__(self) -> None:
        require_positive("beta", self.beta)

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `dpo_loss`."""
        chosen, rejected = (_logratios(forward[answer]) for answer in self.answers)
        return dpo_loss(chosen, rejected, self.beta)


@dataclass(frozen=True)
class RefusalDPO(DPO):
    """Prefer a refusal to the true answer."""

    answers: ClassVar[tuple[str, ...]] = (REFUSAL, ANSWER)


@dataclass(frozen=True)
class AlternateDPO(DPO):
    """AltPO (arXiv 2409.13474): prefer the example's alternate answer to the true one."""

    answers: ClassVar[tuple[str, ...]] = (ALTERNATE, ANSWER)


def _logratios(scored: Scored) -> Float[Tensor, " batch"]:
    assert scored.reference_logps is not None
    return scored.logps - scored.reference_logps


IDK_DPO = Method("IDK-DPO", RefusalDPO(), NLL(), paper="arXiv 2404.05868")
ALTPO = Method("AltPO", AlternateDPO(), NLL(), paper="arXiv 2409.13474")
