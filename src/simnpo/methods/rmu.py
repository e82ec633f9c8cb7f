"""RMU: misdirect the activations of a layer on forget text, hold them on retain text.

Representation misdirection for unlearning, from WMDP (arXiv 2403.03218, section 4).
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from simnpo.methods.base import ANSWER, ActivationObjective, Forward, require_positive
from simnpo.methods.method import Method


def squared_distance(
    activations: Float[Tensor, "batch time width"],
    goals: Float[Tensor, "batch time width"] | Float[Tensor, "batch 1 width"],
    mask: Bool[Tensor, "batch time"],
) -> Float[Tensor, " batch"]:
    """Return the squared distance of activations from where they should be, in float32.

    A mean over an answer's tokens and over the layer's width: RMU's weights are for this mean.
    """
    gaps = activations.float() - goals.float()
    distances: Tensor = gaps.square().mean(-1) * mask
    return distances.sum(-1) / mask.sum(-1)


@lru_cache(maxsize=64)
def control_vector(topic: str, seed: int, width: int) -> Float[Tensor, " width"]:
    """Return the random unit vector of a topic, its entries drawn uniformly from [0, 1)."""
    digest = hashlib.sha256(f"{seed} {topic}".encode()).digest()
    draw = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return torch.nn.functional.normalize(torch.rand(width, generator=draw), dim=0)


@dataclass(frozen=True)
class RMU(ActivationObjective):
    """Send the activations of forget text to one far point per topic."""

    needs_control_vectors: ClassVar[bool] = True

    steering_coefficient: float = 6.5
    """Distance of that point from the origin, above 0; 6.5 is RMU's for Zephyr-7B."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("steering_coefficient", self.steering_coefficient)

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """Return the `squared_distance` from `steering_coefficient` times the control vector."""
        scored = forward[ANSWER]
        assert scored.activations is not None and scored.control_vectors is not None
        goals = self.steering_coefficient * scored.control_vectors[:, None]
        return squared_distance(scored.activations, goals, scored.mask)


@dataclass(frozen=True)
class KeepActivations(ActivationObjective):
    """Leave the activations of retain text where they were before unlearning."""

    needs_reference_activations: ClassVar[bool] = True

    def loss(self, forward: Forward) -> Float[Tensor, " batch"]:
        """Return the `squared_distance` from the reference's activations."""
        scored = forward[ANSWER]
        assert scored.activations is not None and scored.reference_activations is not None
        return squared_distance(scored.activations, scored.reference_activations, scored.mask)


RMU_METHOD = Method("RMU", RMU(), KeepActivations(), retain_weight=1200.0, paper="arXiv 2403.03218")
