"""RKLD: distillation from an unlearning teacher by reverse KL divergence (arXiv 2406.01983)."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from simnpo.methods.base import ORIGINAL, REINFORCED, DivergenceObjective, require_positive
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL


def teacher_logits(
    original: Float[Tensor, "tokens vocab"],
    reinforced: Float[Tensor, "tokens vocab"],
    alpha: float,
) -> Float[Tensor, "tokens vocab"]:
    """Return `original - alpha relu(reinforced - original)`, in logits (RKLD, eq. 1).

    What over-fitting on the forget set raised is taken away `alpha` times; the rest stays.
    """
    return original - alpha * (reinforced - original).relu()


def reverse_kl_per_token(
    log_distributions: Float[Tensor, "tokens vocab"],
    teacher_log_distributions: Float[Tensor, "tokens vocab"],
) -> Float[Tensor, " tokens"]:
    """Return KL(current || teacher) at each token, in nats (RKLD, eq. 2)."""
    gap = log_distributions - teacher_log_distributions
    return (log_distributions.exp() * gap).sum(-1)


@dataclass(frozen=True)
class RKLD(DivergenceObjective):
    """Follow a teacher that gives less to what over-fitting on the forget set makes likelier."""

    references: ClassVar[tuple[str, ...]] = (ORIGINAL, REINFORCED)

    alpha: float = 8.0
    """Strength of forgetting; 8 is RKLD's own on TOFU, and from 4 to 12 it did well."""

    def __post_init__(self) -> None:
        require_positive("alpha", self.alpha)

    def reference_logits(
        self, *logits: Float[Tensor, "tokens vocab"]
    ) -> Float[Tensor, "tokens vocab"]:
        """See `teacher_logits`."""
        original, reinforced = logits
        return teacher_logits(original, reinforced, self.alpha)

    def divergence(
        self,
        log_distributions: Float[Tensor, "tokens vocab"],
        reference_log_distributions: Float[Tensor, "tokens vocab"],
        targets: Int[Tensor, " tokens"],
    ) -> Float[Tensor, " tokens"]:
        """See `reverse_kl_per_token`."""
        return reverse_kl_per_token(log_distributions, reference_log_distributions)


RKLD_METHOD = Method("RKLD", RKLD(), NLL(), paper="arXiv 2406.01983")
