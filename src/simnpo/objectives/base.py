"""What an objective is given and what it gives back."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

from jaxtyping import Bool, Float
from torch import Tensor

ANSWER, REFUSAL = "answer", "refusal"
"""Names of the answers that may be scored: the example's own, and a refusal in its place."""
ORIGINAL, REINFORCED = "original", "reinforced"
"""Names of the frozen models to compare with: the model before unlearning, and that model
over-fitted on the forget set."""


class Scored(NamedTuple):
    """What the model, and where needed the reference, said of one answer per example."""

    token_logprobs: Float[Tensor, "batch time"]
    """Log-probability of each answer token in nats, 0 where `mask` is False."""
    mask: Bool[Tensor, "batch time"]
    reference_logps: Float[Tensor, " batch"] | None = None
    """Summed answer log-probability under the reference (the model before unlearning)."""
    divergences: Float[Tensor, "batch time"] | None = None
    """The objective's own `divergence` from the reference at each answer token, 0 elsewhere."""

    @property
    def logps(self) -> Float[Tensor, " batch"]:
        """Summed log-probability of each answer, log pi(y|x) in the paper."""
        return self.token_logprobs.sum(-1)

    @property
    def lengths(self) -> Float[Tensor, " batch"]:
        """Number of answer tokens, |y| in the paper."""
        return self.mask.sum(-1).to(self.token_logprobs.dtype)


Forward: TypeAlias = Mapping[str, Scored]
"""The forward pass an objective sees: each answer it asked for, by name."""


@dataclass(frozen=True)
class Objective(ABC):
    """A loss per example; subclasses are frozen dataclasses whose fields are its settings."""

    answers: ClassVar[tuple[str, ...]] = (ANSWER,)
    """Which answers of an example are scored."""
    needs_reference_logps: ClassVar[bool] = False
    """Whether `Scored.reference_logps` must be there (computed once, before training)."""

    @abstractmethod
    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """Return the loss of each example, to be minimised; the caller averages."""


@dataclass(frozen=True)
class DivergenceObjective(Objective):
    """An objective that compares whole distributions with a frozen reference's, token by token.

    The reference is one frozen model, or is made of several; they are held during training. `loss`
    finds the values in `Scored.divergences`.
    """

    references: ClassVar[tuple[str, ...]] = (ORIGINAL,)
    """The frozen models that the reference is made of."""

    def reference_logits(
        self, *logits: Float[Tensor, "tokens vocab"]
    ) -> Float[Tensor, "tokens vocab"]:
        """Return the reference's logits from those of each of `references`, in their order."""
        (only,) = logits
        return only

    @abstractmethod
    def divergence(
        self,
        log_distributions: Float[Tensor, "tokens vocab"],
        reference_log_distributions: Float[Tensor, "tokens vocab"],
    ) -> Float[Tensor, " tokens"]:
        """Compare the two at each token; called on a chunk of tokens at a time."""


def require_positive(name: str, value: float) -> None:
    """Refuse a setting that must be above zero.

    Raises:
        ValueError: naming the setting and its value.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value}.")
