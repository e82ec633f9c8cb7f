"""Options described by the settings that they set: one text and one default, in the settings."""

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from types import ModuleType
from typing import Annotated, TypeVar

import tyro

from simnpo.system.command_words import with_options

T = TypeVar("T")


def described_by(
    settings: type, prefix: str = "", **elsewhere: str
) -> Callable[[type[T]], type[T]]:
    """Give a dataclass's options the help of the settings of the same names, with their defaults.

    An option that has a text of its own keeps it.

    Args:
        settings: a dataclass with a text below each field, such as `TrainingConfig`.
        prefix: what an option's name has before the setting's, where it has it.
        elsewhere: what the default is in other places, by option, as in "finetune 5".
    """

    def describe(options: type[T]) -> type[T]:
        texts, own, further = field_texts(settings), field_texts(options), dict(elsewhere)
        if not texts:  # installed without its source: options have no help, but work
            return options
        defaults = {field.name: field.default for field in fields(settings)}
        for name in [name for name in options.__annotations__ if name not in own]:
            setting = name if name in texts else name.removeprefix(prefix)
            default = defaults[setting]
            usual = "" if default is None else _shown(default)
            shown = "; ".join(filter(None, (usual, further.pop(name, ""))))
            text = with_options(texts[setting]).replace("`", "").rstrip(".")
            help_text = f"{text} [{shown}]." if shown else f"{text}."
            options.__annotations__[name] = Annotated[
                options.__annotations__[name],
                tyro.conf.arg(help=help_text, help_behavior_hint=""),
            ]
        assert not further, f"{options} has no option, or a text of its own, for {further}"
        return options

    return describe


def field_texts(kind: type) -> Mapping[str, str]:
    """Return the texts below the fields of a class, by field, each as one line."""
    module = inspect.getmodule(kind)
    assert module is not None, f"{kind} is in no module"
    return _texts(module).get(kind.__name__, {})


@cache
def _texts(module: ModuleType) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    try:
        source = inspect.getsource(module)
    except OSError:
        return found
    for kind in ast.parse(source).body:
        if isinstance(kind, ast.ClassDef):
            found[kind.name] = texts = {}
            for field, below in zip(kind.body, kind.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    match below:
                        case ast.Expr(ast.Constant(str() as text)):
                            texts[field.target.id] = " ".join(text.split())
    return found


def _shown(default: object) -> str:
    """Return a default as a user types it."""
    return f"{default:g}" if isinstance(default, float) else str(default)
