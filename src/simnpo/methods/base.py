"""What an objective is given and what it gives back."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

from jaxtyping import Bool, Float, Int
from torch import Tensor

ANSWER, REFUSAL, ALTERNATE = "answer", "refusal", "alternate"
"""Names of the answers that may be scored: the example's own, and in its place a refusal or the
alternate answer that the example brings."""
ORIGINAL, REINFORCED = "original", "reinforced"
"""Names of the frozen models to compare with: the model before unlearning, and that model
over-fitted on the forget set."""


class Scored(NamedTuple):
    """What the model, and where needed the reference, outputs for one answer per example."""

    token_logprobs: Float[Tensor, "batch time"]
    """Log-probability of each answer token in nats, 0 where `mask` is False; NaN everywhere where
    only activations were asked for."""
    mask: Bool[Tensor, "batch time"]
    reference_logps: Float[Tensor, " batch"] | None = None
    """Summed answer log-probability under the reference (the model before unlearning)."""
    divergences: Float[Tensor, "batch time"] | None = None
    """The objective's own `divergence` from the reference at each answer token, 0 elsewhere."""
    activations: Float[Tensor, "batch time width"] | None = None
    """Output of the objective's `layer` at every token; `mask` tells the answers'."""
    reference_activations: Float[Tensor, "batch time width"] | None = None
    """The same under the model before unlearning."""
    control_vectors: Float[Tensor, "batch width"] | None = None
    """The unit vector of each example's topic, fixed for the whole run."""

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

    has_weights: ClassVar[bool] = False
    """Whether `gradient_weights` is there."""

    @abstractmethod
    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """Return the loss of each example, to be minimised; the caller averages."""

    def gradient_weights(self, forward: Forward) -> Float[Tensor, " batch"]:
        """Return the weight of `grad logp` in the gradient of each example's loss."""
        raise NotImplementedError(f"{type(self).__name__} has no gradient weights.")


@dataclass(frozen=True)
class DivergenceObjective(Objective):
    """An objective that compares whole distributions with a reference's, token by token.

    The values are found in `Scored.divergences`.
    """

    references: ClassVar[tuple[str, ...]] = (ORIGINAL,)
    """The frozen models that the reference is made of, held during training. Where there is none it
    is the model itself as it is at this step, without gradient."""

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
        targets: Int[Tensor, " tokens"],
    ) -> Float[Tensor, " tokens"]:
        """Compare the two at each token of an answer; called on a chunk of tokens at a time."""

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """Return the mean of `divergence` over an answer's tokens."""
        answer = forward[ANSWER]
        assert answer.divergences is not None
        return answer.divergences.sum(-1) / answer.lengths


@dataclass(frozen=True)
class ActivationObjective(Objective):
    """An objective on the output of a decoder layer: no layer beyond it is run.

    A method with such an objective trains `trained_layers` and nothing else.
    """

    needs_reference_activations: ClassVar[bool] = False
    """Whether `Scored.reference_activations` must be there."""
    needs_control_vectors: ClassVar[bool] = False
    """Whether `Scored.control_vectors` must be there."""

    layer: int = 7
    """Index of the decoder layer, from 0; 7 is RMU's for Zephyr-7B."""

    def __post_init__(self) -> None:
        if self.layer < 0:
            raise ValueError(f"layer counts from 0, got {self.layer}.")

    @property
    def trained_layers(self) -> range:
        """The layer and the two before it, where there are as many."""
        return range(max(0, self.layer - 2), self.layer + 1)


def trained_layers(objectives: Iterable[Objective | None]) -> range | None:
    """Return the decoder layers that objectives train, where it is not the whole model."""
    for one in objectives:
        if isinstance(one, ActivationObjective):
            return one.trained_layers
    return None


def require_positive(name: str, value: float) -> None:
    """Refuse a setting that must be above zero.

    Raises:
        ValueError: naming the setting and its value.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value}.")
