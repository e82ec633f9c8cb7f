"""What a hostile case is: a command, and what must become of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fault_injection.interruptions import Scene
from fault_injection.recipes import RECIPES

MARK = "FAULTS_MARK"
"""Environment variable with a path that hostile code would write to."""
Expected = Literal["refuse", "work", "same", "any"]
"""Refuse: exit code 0 is wrong. Work: it must succeed, with the usual result. Same: it may refuse;
else the result is the usual one. Any: it may do either, without a fault of its own."""


class Trial(NamedTuple):
    """A command with hostile input."""

    words: list[str]
    expects: Expected = "any"
    what: str = ""
    """The input, in a few words."""
    changes_input: bool = False
    """Whether the command writes into what it was given, as --resume does."""


class Fault(NamedTuple):
    """A sort of hostile input."""

    make: Callable[[Scene, Path], Trial]
    """Given an empty folder, which the input goes into."""
    recipe: str = "finetune"
    """The command whose undisturbed result and time it is compared with."""


def replaced(scene: Scene, recipe: str, **changes: Any) -> list[str]:
    """Return a recipe's command in which paths of the world are others, by their names."""
    names = {
        str(scene.world.path(name.replace("__", "."))): str(one) for name, one in changes.items()
    }
    words = RECIPES[recipe].words.format(w=scene.world.folder).split()
    return [*(names.get(word, word) for word in words), "--out", RECIPES[recipe].out]
