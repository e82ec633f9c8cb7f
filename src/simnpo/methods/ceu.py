"""CE-U: cross-entropy to the model's own distribution without the answer (arXiv 2503.01224)."""

import math
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from simnpo.methods.base import DivergenceObjective
from simnpo.methods.method import Method
from simnpo.methods.undial import undial_per_token


@dataclass(frozen=True)
class CEU(DivergenceObjective):
    """Learn what the model would say now if it could not say the answer's token.

    The gradient is that of `-log(1 - p)`, with `p` the token's probability; it is made from whole
    distributions since `1 - p` of a memorised token is lost to rounding.
    """

    references: ClassVar[tuple[str, ...]] = ()

    def divergence(
        self,
        log_distributions: Float[Tensor, "tokens vocab"],
        reference_log_distributions: Float[Tensor, "tokens vocab"],
        targets: Int[Tensor, " tokens"],
    ) -> Float[Tensor, " tokens"]:
        """Return `H(softmax(z with z_y = -inf), pi)` at each token, the target without gradient."""
        return undial_per_token(
            log_distributions, reference_log_distributions, targets, beta=math.inf
        )


CEU_METHOD = Method("CE-U", CEU(), None, paper="arXiv 2503.01224")
