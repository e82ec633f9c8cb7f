"""Which cases there are: the same for the same seed, and each described by a line."""

import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fault_injection import environments, hostile, interruptions, pairs
from fault_injection.interruptions import NEEDS_LIBRARY, Scene
from fault_injection.judging import Finding, worst
from fault_injection.recipes import WITHOUT_CACHE, Undisturbed, choose
from fault_injection.world import World


class Kind(NamedTuple):
    """Cases of one sort."""

    count: int
    faults: Sequence[str]
    """Taken in turn."""
    execute: Callable[[Scene, str], list[Finding]]
    recipes: Sequence[str] = WITHOUT_CACHE


CUT = interruptions.interrupt
KINDS = {
    "kill": Kind(150, ("kill",), CUT),
    "crash": Kind(100, ("die", "die", "tear"), CUT),
    "signals": Kind(80, tuple(f"{name}{more}" for more in ("", " twice")
                              for name in interruptions.SIGNALS), CUT),
    "disk": Kind(100, ("full disk", "file size", "full disk", "read-only", "quota",
                       "input-output error"), CUT),
    "conversion": Kind(30, ("kill", "die", "full disk", "SIGINT", "tear", "file size", "SIGTERM",
                            "read-only", "SIGINT twice", "input-output error"), CUT, ("gguf",)),
    "hostile": Kind(350, tuple(hostile.FAULTS), hostile.execute, ()),
    "environment": Kind(120, tuple(environments.FAULTS), environments.execute,
                        environments.RECIPES),
    "two": Kind(100, tuple(pairs.FAULTS), pairs.execute, pairs.RECIPES),
}  # fmt: skip
"""Every kind of fault by name; of `hostile`, each fault names its own command."""


class Case(NamedTuple):
    """One injected fault."""

    kind: str
    number: int
    fault: str
    recipe: str
    seed: int

    @property
    def name(self) -> str:
        """What tells the case from all others of the campaign."""
        return f"{self.kind}-{self.number:03d}"


def schedule(seed: int) -> list[Case]:
    """Return all cases: of each kind, all faults in turn, and commands by chance."""
    return [case for name, kind in KINDS.items() for case in _of_kind(name, kind, seed)]


def _of_kind(name: str, kind: Kind, seed: int) -> Iterator[Case]:
    draw = random.Random(f"{seed} {name}")
    faults = draw.sample(kind.faults, len(kind.faults))
    for number in range(kind.count):
        fault = faults[number % len(faults)]
        recipe = choose(draw, kind.recipes) if kind.recipes else hostile.FAULTS[fault].recipe
        yield Case(name, number, fault, recipe, draw.randrange(2**32))


def interleaved(cases: Sequence[Case]) -> list[Case]:
    """Return cases so that a few of them are of every kind."""
    sizes = {name: sum(case.kind == name for case in cases) for name in KINDS}
    return sorted(cases, key=lambda case: (case.number / max(1, sizes[case.kind]), case.kind))


def needs_library(case: Case) -> bool:
    """Tell whether a case needs the compiled library."""
    return case.fault in NEEDS_LIBRARY


def execute(case: Case, world: World, expected: Undisturbed, folder: Path) -> dict[str, Any]:
    """Do a case in `folder`, which is removed if all is well; return its line of results."""
    started = time.monotonic()
    interruptions.clean(folder)
    scene = Scene(world, case.recipe, expected, folder, random.Random(case.seed))
    found = worst(KINDS[case.kind].execute(scene, case.fault))
    if found.verdict == "ok":
        shutil.rmtree(folder)
    seconds = round(time.monotonic() - started, 2)
    return {"name": case.name, **case._asdict(), **found._asdict(), "seconds": seconds}
