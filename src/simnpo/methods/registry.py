"""All methods of unlearning by name: losses that are minimised, and edits of the weights.

A method is a file that defines it and a line here. Methods from outside are found by the place of
their definition, `path/to/file.py:Name` or `module:Name`, or by the name that an installed package
gives them in the entry point group `simnpo.methods`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from simnpo.errors import UserError
from simnpo.system.lazy_values import LazyValues

if TYPE_CHECKING:
    from simnpo.methods.base import Objective
    from simnpo.methods.method import Method
    from simnpo.methods.task_vector import TaskVector

    AnyMethod: TypeAlias = Method | TaskVector

_HOMES: Mapping[str, str] = {
    "simnpo": "simnpo.methods.simnpo:SIMNPO",
    "npo": "simnpo.methods.npo:NPO_METHOD",
    "ga": "simnpo.methods.ga:GA_METHOD",
    "grad_diff": "simnpo.methods.ga:GRAD_DIFF",
    "weighted_grad_diff": "simnpo.methods.ga:WEIGHTED_GRAD_DIFF",
    "idk": "simnpo.methods.nll:IDK",
    "idk_dpo": "simnpo.methods.dpo:IDK_DPO",
    "rkld": "simnpo.methods.rkld:RKLD_METHOD",
    "task_vector": "simnpo.methods.task_vector:TASK_VECTOR",
    "rmu": "simnpo.methods.rmu:RMU_METHOD",
    "undial": "simnpo.methods.undial:UNDIAL_METHOD",
    "ceu": "simnpo.methods.ceu:CEU_METHOD",
    "wga": "simnpo.methods.wga:WGA_METHOD",
    "satimp": "simnpo.methods.wga:SATIMP",
    "altpo": "simnpo.methods.dpo:ALTPO",
    "retrain": "simnpo.methods.nll:RETRAIN",
}


METHODS: Mapping[str, "AnyMethod"] = LazyValues(_HOMES)
"""The methods that come with simnpo, by name."""


def build_method(name: str, **settings: Any) -> "AnyMethod":
    """Return a method, with `settings` as `configure` takes them.

    Args:
        name: a key of `METHODS`, the name of an entry point, or `file.py:Name`.
        settings: instead of the method's own.

    Raises:
        UserError: an unknown name, a definition that cannot be loaded, or see `configure`.
    """
    if name in METHODS:
        return configure(METHODS[name], **settings)
    from simnpo.methods.outside import load_method

    return configure(load_method(name, METHODS), **settings)


def configure(method: "AnyMethod", **settings: Any) -> "AnyMethod":
    """Return `method` with the given settings instead of its own.

    Args:
        method: where to start from.
        settings: `retain_loss` (`none`, `nll` or `kl`), `forget_weight`, `retain_weight`, and the
            fields of the forget objective, e.g. `beta=4.5`; of an edit, its fields.

    Raises:
        UserError: a setting the method does not have or allow.
    """
    from dataclasses import fields, replace

    from simnpo.methods.method import Method

    if isinstance(method, Method):
        return _configured(method, **settings)
    known = [field.name for field in fields(method)]
    for setting in settings:
        if setting not in known:
            raise UserError(
                f"{method.title} has no setting {setting!r}; it has {', '.join(known)}."
            )
    return replace(method, **settings)


def _retain_loss(name: str) -> "Objective | None":
    from simnpo.methods.kl import KL
    from simnpo.methods.nll import NLL

    known: dict[str, Objective | None] = {"none": None, "nll": NLL(), "kl": KL()}
    if name not in known:
        raise UserError(f"unknown retain loss {name!r}; use {', '.join(known)}.")
    return known[name]


def _configured(
    method: "Method",
    *,
    retain_loss: str | None = None,
    forget_weight: float | None = None,
    retain_weight: float | None = None,
    **forget_settings: float,
) -> "Method":
    """Return a method of losses with the given settings instead of its own.

    Args:
        method: where to start from.
        retain_loss: `none`, `nll` or `kl`.
        forget_weight: weight of the forget loss, at least 0.
        retain_weight: weight of the retain loss, at least 0.
        forget_settings: fields of the forget objective, e.g. `beta=4.5`; those that the retain
            objective has too, as RMU's layer, are set there alike.

    Raises:
        UserError: see `configure`.
    """
    from dataclasses import fields, replace

    from simnpo.methods.base import ActivationObjective

    known = [field.name for field in fields(method.forget)] if method.forget else []
    for setting in forget_settings:
        if setting not in known:
            has = ", ".join(known) or "none"
            raise UserError(f"{method.title} has no setting {setting!r}; it has {has}.")
    try:
        forget = replace(method.forget, **forget_settings) if method.forget else None
    except ValueError as error:
        raise UserError(f"{method.title}: {error}") from None
    retain, kept_weight = method.retain, method.retain_weight
    if retain_loss is not None:
        retain = _retain_loss(retain_loss)
        if isinstance(method.retain, ActivationObjective):
            kept_weight = 1.0  # RMU's weight is for distances of activations
    if forget and retain:
        shared = {field.name for field in fields(retain)} & set(known)
        retain = replace(retain, **{name: getattr(forget, name) for name in shared})
    if forget_weight is not None and forget is None:
        raise UserError(f"{method.title} has no forget loss, so ``forget_weight`` does nothing.")
    if retain_weight is not None and retain is None:
        raise UserError(f"{method.title} has no retain loss, so ``retain_weight`` does nothing.")
    return replace(
        method,
        forget=forget,
        retain=retain,
        forget_weight=method.forget_weight if forget_weight is None else forget_weight,
        retain_weight=kept_weight if retain_weight is None else retain_weight,
    )
