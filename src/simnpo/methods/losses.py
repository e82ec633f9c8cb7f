"""The methods that minimise a loss: the only list of them.

Every method is `forget_weight * forget + retain_weight * retain` (the paper's eq. 2, with two named
weights in the place of its lambda).
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from simnpo.errors import UserError
from simnpo.methods.base import (
    ORIGINAL,
    REINFORCED,
    ActivationObjective,
    DivergenceObjective,
    Objective,
    trained_layers,
)
from simnpo.methods.ceu import CEU
from simnpo.methods.dpo import AlternateDPO, RefusalDPO
from simnpo.methods.ga import GA, WeightedGA
from simnpo.methods.kl import KL
from simnpo.methods.nll import NLL, RefusalNLL
from simnpo.methods.npo import NPO
from simnpo.methods.rkld import RKLD
from simnpo.methods.rmu import RMU, KeepActivations
from simnpo.methods.simnpo import SimNPO
from simnpo.methods.undial import UNDIAL
from simnpo.methods.wga import WGA, SatImp


@dataclass(frozen=True)
class Method:
    """A forget objective and a retain objective with their weights."""

    title: str
    forget: Objective | None
    retain: Objective | None
    forget_weight: float = 1.0
    retain_weight: float = 1.0

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

    def record(self) -> dict[str, Any]:
        """Return the settings as plain values, for `run.json`."""
        return {
            "method": self.title,
            "forget_loss": _name_and_settings(self.forget),
            "forget_weight": self.forget_weight if self.forget else None,
            "retain_loss": _name_and_settings(self.retain),
            "retain_weight": self.retain_weight if self.retain else None,
        }


def _name_and_settings(objective: Objective | None) -> dict[str, Any] | None:
    return {"name": type(objective).__name__, **asdict(objective)} if objective else None


METHODS: Mapping[str, Method] = {
    "retrain": Method("Retrain", None, NLL()),
    "ga": Method("GA", GA(), None),
    "grad_diff": Method("GradDiff", GA(), NLL()),
    "weighted_grad_diff": Method("Weighted-GradDiff", WeightedGA(), NLL()),
    "npo": Method("NPO", NPO(), NLL()),
    "simnpo": Method("SimNPO", SimNPO(), NLL()),
    "idk": Method("IDK", RefusalNLL(), NLL()),
    "idk_dpo": Method("IDK-DPO", RefusalDPO(), NLL()),
    "rkld": Method("RKLD", RKLD(), NLL()),
    "altpo": Method("AltPO", AlternateDPO(), NLL()),
    "wga": Method("WGA", WGA(), NLL()),
    "satimp": Method("SatImp", SatImp(), NLL()),
    "undial": Method("UNDIAL", UNDIAL(), None),
    "ceu": Method("CE-U", CEU(), None),
    "rmu": Method("RMU", RMU(), KeepActivations(), retain_weight=1200.0),
}
RETAIN_LOSSES: Mapping[str, Objective | None] = {"none": None, "nll": NLL(), "kl": KL()}


def build_method(name: str, **settings: Any) -> Method:
    """Return method `name`, a key of `METHODS`, with `settings` as `configure` takes them.

    Raises:
        UserError: an unknown name, or a setting the method does not have or allow.
    """
    if name not in METHODS:
        raise UserError(f"unknown method {name!r}; there are {', '.join(METHODS)}.")
    return configure(METHODS[name], **settings)


def configure(
    method: Method,
    *,
    retain_loss: str | None = None,
    forget_weight: float | None = None,
    retain_weight: float | None = None,
    **forget_settings: float,
) -> Method:
    """Return `method` with the given settings in the place of its own.

    Args:
        method: where to start from.
        retain_loss: a key of `RETAIN_LOSSES`.
        forget_weight: weight of the forget loss, at least 0.
        retain_weight: weight of the retain loss, at least 0.
        forget_settings: fields of the forget objective, e.g. `beta=4.5`; those that the retain
            objective has too, as RMU's layer, are set there alike.

    Raises:
        UserError: a setting the method does not have or allow.
    """
    known = [field.name for field in fields(method.forget)] if method.forget else []
    for setting in forget_settings:
        if setting not in known:
            has = ", ".join(known) or "none"
            raise UserError(f"{method.title} has no setting {setting!r}; it has {has}.")
    if retain_loss is not None and retain_loss not in RETAIN_LOSSES:
        raise UserError(f"unknown retain loss {retain_loss!r}; use {', '.join(RETAIN_LOSSES)}.")
    try:
        forget = replace(method.forget, **forget_settings) if method.forget else None
    except ValueError as error:
        raise UserError(f"{method.title}: {error}") from None
    retain, kept_weight = method.retain, method.retain_weight
    if retain_loss is not None:
        retain = RETAIN_LOSSES[retain_loss]
        if isinstance(method.retain, ActivationObjective):
            kept_weight = 1.0  # RMU's weight is for distances of activations
    if forget and retain:
        shared = {field.name for field in fields(retain)} & set(known)
        retain = replace(retain, **{name: getattr(forget, name) for name in shared})
    if forget_weight is not None and forget is None:
        raise UserError(f"{method.title} has no forget loss, so --forget-weight does nothing.")
    if retain_weight is not None and retain is None:
        raise UserError(f"{method.title} has no retain loss, so --retain-weight does nothing.")
    return replace(
        method,
        forget=forget,
        retain=retain,
        forget_weight=method.forget_weight if forget_weight is None else forget_weight,
        retain_weight=kept_weight if retain_weight is None else retain_weight,
    )
