"""All methods of unlearning by name: losses that are minimised, and edits of the weights."""

from typing import TYPE_CHECKING, Any, TypeAlias

from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.methods.losses import Method
    from simnpo.methods.task_vector import TaskVector

    AnyMethod: TypeAlias = Method | TaskVector

NAMES = (
    *("simnpo", "npo", "ga", "grad_diff", "weighted_grad_diff", "idk", "idk_dpo", "rkld"),
    *("task_vector", "rmu", "undial", "ceu", "wga", "satimp", "altpo", "retrain"),
)
"""For help and messages, without importing what the methods themselves need."""


def build(name: str, **settings: Any) -> "AnyMethod":
    """Return method `name`, one of `NAMES`, with `settings` as `adjust` takes them.

    Raises:
        UserError: an unknown name, or a setting the method does not have or allow.
    """
    from simnpo.methods.losses import METHODS
    from simnpo.methods.task_vector import TaskVector

    if name not in NAMES:
        raise UserError(f"unknown method {name!r}; there are {', '.join(NAMES)}.")
    return adjust(TaskVector() if name == "task_vector" else METHODS[name], **settings)


def adjust(method: "AnyMethod", **settings: Any) -> "AnyMethod":
    """Return `method` with the given settings in the place of its own.

    Args:
        method: where to start from.
        settings: see `simnpo.methods.losses.configure`; of an edit, its fields.

    Raises:
        UserError: a setting the method does not have or allow.
    """
    from dataclasses import fields, replace

    from simnpo.methods.losses import Method, configure

    if isinstance(method, Method):
        return configure(method, **settings)
    known = [field.name for field in fields(method)]
    for setting in settings:
        if setting not in known:
            raise UserError(
                f"{method.title} has no setting {setting!r}; it has {', '.join(known)}."
            )
    return replace(method, **settings)
