"""The settings that a sweep tries: values by name, and every combination of them."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.methods.registry import AnyMethod

Setting: TypeAlias = tuple[tuple[str, float], ...]
"""Names with a value each, see `simnpo.experiments.unlearn_run.UnlearnRun.setting`."""
TRAINING = ("learning_rate", "epochs")
WEIGHTS = {"forget": "forget_weight", "retain": "retain_weight"}


def read_values(over: Sequence[str], method: "AnyMethod") -> dict[str, tuple[float, ...]]:
    """Return the values of each setting, from texts such as `beta=1.5,2.5`.

    Raises:
        UserError: no text, one without values, a value that is not a number, a value or a setting
            that stands there twice, or a setting that the method does not have.
    """
    if not over:
        raise UserError("``over`` is empty; name a setting and its values, as in beta=1.5,2.5.")
    whole, known = _whole(method), known_settings(method)
    found: dict[str, tuple[float, ...]] = {}
    for text in over:
        name, _, listed = text.partition("=")
        name = name.replace("-", "_")
        if not listed:
            raise UserError(f"``over`` {text}: give values after the name, as in beta=1.5,2.5.")
        if name not in known:
            raise UserError(
                f"``over`` {text}: {method.title} has no setting {name!r}; it has "
                f"{', '.join(known)}."
            )
        if name in found:
            raise UserError(f"``over`` names {name} twice.")
        values = tuple(_number(text, one, name in whole) for one in listed.split(","))
        if len(set(values)) < len(values):
            raise UserError(f"``over`` {text}: a value is given twice.")
        found[name] = values
    return found


def known_settings(method: "AnyMethod") -> list[str]:
    """Return the names of what a sweep can change of a method."""
    from simnpo.methods.method import Method

    if not isinstance(method, Method):
        return [field.name for field in fields(method)]
    own = [field.name for field in fields(method.forget)] if method.forget else []
    weights = [name for term, name in WEIGHTS.items() if getattr(method, term) is not None]
    return [*own, *weights, *TRAINING]


def grid(values: Mapping[str, Sequence[float]]) -> list[Setting]:
    """Return every combination, the last setting's values changing fastest."""
    return [tuple(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def drawn(values: Mapping[str, Sequence[float]], trials: int, seed: int) -> list[Setting]:
    """Return `trials` combinations, or all if there are no more, drawn without repetition."""
    whole = grid(values)
    return random.Random(seed).sample(whole, min(trials, len(whole)))


def named(setting: Setting) -> str:
    """Write a setting as a reader sees it."""
    return ", ".join(f"{name} {value:g}" for name, value in setting)


def _whole(method: "AnyMethod") -> set[str]:
    """Name the settings that are whole numbers."""
    forget = getattr(method, "forget", None)
    own = fields(forget) if forget else ()
    return {field.name for field in own if isinstance(field.default, int)}


def _number(text: str, one: str, whole: bool) -> float:
    try:
        value = float(one)
    except ValueError:
        raise UserError(f"``over`` {text}: {one!r} is not a number.") from None
    if not math.isfinite(value):
        raise UserError(f"``over`` {text}: {one} is not finite.")
    if not whole:
        return value
    if value != int(value):
        raise UserError(f"``over`` {text}: {one} must be a whole number.")
    return int(value)
