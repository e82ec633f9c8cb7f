"""`Method`: a loss to forget and a loss to keep, with their weights (the paper's eq. 2)."""

import math
from dataclasses import asdict, dataclass, field

from simnpo.errors import UserError
from simnpo.methods.base import (
    ORIGINAL,
    REINFORCED,
    ActivationObjective,
    DivergenceObjective,
    Objective,
    trained_layers,
)


@dataclass(frozen=True)
class Method:
    """A forget objective and a retain objective with their weights."""

    title: str
    forget: Objective | None
    retain: Objective | None
    forget_weight: float = 1.0
    retain_weight: float = 1.0
    paper: str = field(default="", compare=False)
    """Where the method is from."""
    source: str = ""
    """Of a method from outside of simnpo: a hash of the file that defines it."""

    def __post_init__(self) -> None:
        if self.forget is None and self.retain is None:
            raise UserError(f"{self.title} needs a forget or a retain objective to minimise.")
        layers = {
            one.layer for one in (self.forget, self.retain) if isinstance(one, ActivationObjective)
        }
        if len(layers) > 1:
            raise UserError(f"{self.title} is of one layer, and its objectives name {layers}.")
        for name in ("forget_weight", "retain_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"{name} must be at least 0, got {getattr(self, name)}.")

    @property
    def compares_sets(self) -> bool:
        """Whether it trains on a forget set and on a retain set."""
        return self.forget is not None and self.retain is not None

    @property
    def needs_reinforced(self) -> bool:
        """Whether it compares with a model over-fitted on the forget set."""
        return REINFORCED in self._references

    @property
    def needs_original_model(self) -> bool:
        """Whether it needs the original model's whole distributions, so that model itself."""
        return ORIGINAL in self._references

    @property
    def needs_reference_logps(self) -> bool:
        """Whether it compares with the log-probs of a reference."""
        return any(one is not None and one.needs_reference_logps for one in self._terms)

    @property
    def trained_layers(self) -> range | None:
        """The decoder layers that are trained, where it is not the whole model."""
        return trained_layers(self._terms)

    @property
    def _terms(self) -> tuple[Objective | None, Objective | None]:
        return self.forget, self.retain

    @property
    def _references(self) -> set[str]:
        """The frozen models that its objectives compare with."""
        return {
            name
            for term in self._terms
            if isinstance(term, DivergenceObjective)
            for name in term.references
        }

    def record(self) -> dict[str, object]:
        """Return the settings as plain values, for `run.json`."""
        return {
            "method": self.title,
            **({"method_source": self.source} if self.source else {}),
            "forget_loss": _name_and_settings(self.forget),
            "forget_weight": self.forget_weight if self.forget else None,
            "retain_loss": _name_and_settings(self.retain),
            "retain_weight": self.retain_weight if self.retain else None,
        }


def _name_and_settings(objective: Objective | None) -> dict[str, object] | None:
    return {"name": type(objective).__name__, **asdict(objective)} if objective else None
