"""Negative log-likelihood: fine-tuning, the usual retain term, and IDK's refusal tuning."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from simnpo.methods.base import ANSWER, REFUSAL, Forward, Objective
from simnpo.methods.method import Method


def nll_loss(
    logps: Float[Tensor, " batch"], lengths: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Return `-logp / |y|`: the mean cross-entropy over an answer's tokens (paper, sec. 3)."""
    return -logps / lengths


@dataclass(frozen=True)
class NLL(Objective):
    """Keep the answer likely."""

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `nll_loss`."""
        return nll_loss(forward[ANSWER].logps, forward[ANSWER].lengths)


@dataclass(frozen=True)
class RefusalNLL(Objective):
    """IDK as refusal fine-tuning (TOFU): make a refusal likely in the answer's place."""

    answers: ClassVar[tuple[str, ...]] = (REFUSAL,)

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """See `nll_loss`."""
        return nll_loss(forward[REFUSAL].logps, forward[REFUSAL].lengths)


RETRAIN = Method("Retrain", None, NLL())
IDK = Method("IDK", RefusalNLL(), NLL(), paper="arXiv 2401.06121")
