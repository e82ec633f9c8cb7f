"""Methods that are defined outside of simnpo: in a user's file, or in an installed package."""

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from simnpo.errors import UserError
from simnpo.methods.base import Objective
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL
from simnpo.methods.task_vector import TaskVector

ENTRY_POINTS = "simnpo.methods"
"""Group of the entry points by which an installed package brings methods."""


def load_method(name: str, known: Iterable[str]) -> Method | TaskVector:
    """Return a method that is defined outside of simnpo.

    Args:
        name: `path/to/file.py:Name`, `module:Name`, or the name of an entry point. What it names
            is a `Method`, or an `Objective` or its class: a loss to forget by, with the likelihood
            of the retain rows as the loss to keep by.
        known: names of the methods that come with simnpo, for the message.

    Raises:
        UserError: there is no such method, or its definition fails.
    """
    place = name if ":" in name else _installed(name, known).value
    path, _, attribute = place.rpartition(":")
    module = _from_file(Path(path)) if path.endswith(".py") else _from_package(path)
    found = getattr(module, attribute, None)
    if isinstance(found, type) and issubclass(found, Objective):
        try:
            found = found()
        except TypeError as error:
            raise UserError(f"``method`` {name}: {error}; give every setting a default.") from None
    if isinstance(found, Objective):
        found = Method(type(found).__name__, found, NLL())
    if isinstance(found, Method):
        source = Path(str(module.__file__)).read_bytes()
        return replace(found, source=hashlib.sha256(source).hexdigest()[:16])
    if isinstance(found, TaskVector):
        return found
    what = "is not there" if found is None else f"is a {type(found).__name__}"
    raise UserError(
        f"``method`` {name}: {attribute} {what}; wanted is a class that inherits "
        "simnpo.methods.base.Objective, or a Method."
    )


def _installed(name: str, known: Iterable[str]) -> EntryPoint:
    found = {one.name: one for one in entry_points(group=ENTRY_POINTS)}
    if name in found:
        return found[name]
    raise UserError(
        f"unknown method {name!r}; there are {', '.join([*known, *sorted(found)])}; one of your "
        "own is path/to/file.py:Name."
    )


def _from_file(path: Path) -> ModuleType:
    name = f"simnpo_method_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise UserError(f"``method``: there is no file {path}.")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"``method``: {path} fails: {type(error).__name__}: {error}") from error
    return module


def _from_package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise UserError(f"``method``: {name} cannot be imported: {error}") from error
