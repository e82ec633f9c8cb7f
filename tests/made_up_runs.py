"""Runs without a model, which the processes of a pool can import."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from simnpo.errors import UserError
from simnpo.experiments.run import Run
from simnpo.storage.files import write_text

SEEN = os.environ.get("CUDA_VISIBLE_DEVICES")
"""What the process saw as it was started, when libraries look for GPUs."""


@dataclass(frozen=True)
class Sum(Run):
    """The sum of the seed and of what the runs it needs came to."""

    label: str
    of: tuple[Run, ...] = ()
    takes: float = 1.0

    @property
    def title(self) -> str:
        return f"Sum {self.label}"

    @property
    def needs(self) -> tuple[Run, ...]:
        return self.of

    @property
    def seconds(self) -> float:
        return self.takes

    def depends_on(self) -> Any:
        return [self.label]

    def execute(self, home: Path) -> dict[str, Any]:
        parts = [one.record(home)["value"] for one in self.of]
        with (home / "order.txt").open("a") as file:
            file.write(f"{self.label}\n")
        return {"value": self.seed + sum(parts)}


@dataclass(frozen=True)
class Fails(Sum):
    """A run that cannot be done."""

    def execute(self, home: Path) -> dict[str, Any]:
        write_text(self.folder(home) / "half.txt", "half")
        raise UserError(f"{self.label} has no numbers.")


@dataclass(frozen=True)
class Crashes(Sum):
    """A run with a fault in its program."""

    def execute(self, home: Path) -> dict[str, Any]:
        raise ZeroDivisionError("a fault in the program")


@dataclass(frozen=True)
class Unresolved(Sum):
    """A run whose data cannot be found."""

    def depends_on(self) -> Any:
        raise UserError("there is no such data.")


@dataclass(frozen=True)
class Slow(Sum):
    """A run that is still going on when another has ended."""

    def execute(self, home: Path) -> dict[str, Any]:
        time.sleep(0.5)
        return super().execute(home)


@dataclass(frozen=True)
class Sees(Sum):
    """A run that waits for others to begin, and tells what GPUs its process sees."""

    others: tuple[str, ...] = ()

    def execute(self, home: Path) -> dict[str, Any]:
        (home / f"{self.label}.begun").touch()
        deadline = time.monotonic() + 120
        while not all((home / f"{one}.begun").exists() for one in self.others):
            if time.monotonic() > deadline:
                raise UserError("the others did not begin.")
            time.sleep(0.05)
        now = os.environ.get("CUDA_VISIBLE_DEVICES")
        return {"value": self.seed, "seen": [SEEN, now], "process": os.getpid()}


@dataclass(frozen=True)
class Dies(Sum):
    """A run whose process is killed, as for want of memory."""

    def execute(self, home: Path) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}


@dataclass(frozen=True)
class DiesOnce(Sum):
    """A run whose process is killed the first time."""

    def execute(self, home: Path) -> dict[str, Any]:
        with (home / f"{self.label}.begun").open("a") as file:
            file.write("x")
        if (home / f"{self.label}.begun").read_text() == "x":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(home)


@dataclass(frozen=True)
class Draws(Sum):
    """A run whose numbers depend on the seed and on the order of a sum, so on threads."""

    def execute(self, home: Path) -> dict[str, Any]:
        torch.manual_seed(self.seed)
        parts = [one.record(home)["value"] for one in self.of]
        return {"value": float(torch.rand(100_000).sum()) + sum(parts)}


@dataclass(frozen=True)
class Endless(Sum):
    """A run that is still going on when the parent is killed."""

    def execute(self, home: Path) -> dict[str, Any]:
        (home / f"{self.label}.pid").write_text(str(os.getpid()))
        time.sleep(600)
        return {}


@dataclass(frozen=True)
class Starves(Sum):
    """A run that lacks memory, as a model says that is loaded."""

    def execute(self, home: Path) -> dict[str, Any]:
        try:
            torch.empty(2**60)
        except RuntimeError as error:
            raise UserError(f"cannot load the model a: {error}") from None
        return {}
