"""Runs without a model, which the processes of a pool can import."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simnpo.errors import UserError
from simnpo.files import write_text
from simnpo.reproduce.run import Run


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

    def carry_out(self, home: Path) -> dict[str, Any]:
        parts = [one.done(home)["value"] for one in self.of]
        with (home / "order.txt").open("a") as file:
            file.write(f"{self.label}\n")
        return {"value": self.seed + sum(parts)}


@dataclass(frozen=True)
class Fails(Sum):
    """A run that cannot be done."""

    def carry_out(self, home: Path) -> dict[str, Any]:
        write_text(self.folder(home) / "half.txt", "half")
        raise UserError(f"{self.label} has no numbers.")


@dataclass(frozen=True)
class Crashes(Sum):
    """A run with a fault in its program."""

    def carry_out(self, home: Path) -> dict[str, Any]:
        raise ZeroDivisionError("a fault in the program")


@dataclass(frozen=True)
class Unresolved(Sum):
    """A run whose data cannot be found."""

    def depends_on(self) -> Any:
        raise UserError("there is no such data.")


@dataclass(frozen=True)
class Slow(Sum):
    """A run that is still going on when another has ended."""

    def carry_out(self, home: Path) -> dict[str, Any]:
        time.sleep(0.5)
        return super().carry_out(home)
