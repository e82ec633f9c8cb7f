"""One piece of work of a reproduction, kept under a hash of all that its result depends on."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from simnpo.errors import UserError
from simnpo.experiments.key import Key
from simnpo.storage.files import read_json, write_json
from simnpo.storage.folder_lock import held
from simnpo.storage.json_values import JsonObject
from simnpo.system.command_words import with_options

DONE = "done.json"
"""Written last: a folder that has it holds a finished run."""
KEY = "key"
"""In `DONE`: what the result depends on, see `Key`."""
PATIENCE = 10.0
"""Seconds in which a process ends whose parent was killed."""
PROCESS, LOADED, TRAINED = 1.5e9, 5, 20
"""Bytes of a process with its libraries and activations, and of a weight that is measured, or
trained by AdamW in float32."""


@dataclass(frozen=True)
class Run(ABC):
    """Work that is done once and found again by its content.

    A run is a value: equal runs are one run, and what it depends on follows from its fields, so the
    same run asked for by two studies is done for the first of them.
    """

    seed: int
    """Seed of every random choice."""
    per_weight: ClassVar[int] = TRAINED
    """Bytes that each weight of its model takes, at most."""
    uses_gpu: ClassVar[bool] = True
    """Whether a GPU makes it faster, where there is one."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What progress and messages call it."""

    @property
    @abstractmethod
    def needs(self) -> tuple["Run", ...]:
        """The runs that must be finished before this one begins."""

    @property
    def is_retrain(self) -> bool:
        """Whether its evaluation is Retrain's: what metrics of other models compare with."""
        return False

    @property
    def seconds(self) -> float:
        """How long it takes at the mini scale on one core, roughly: the longest start first."""
        return 10

    @cached_property
    def parameters(self) -> int:
        """Weights of the model that it works on; 0 where they are few."""
        return max((run.parameters for run in self.needs), default=0)

    @property
    def memory(self) -> float:
        """Bytes that it takes without a GPU, roughly."""
        return PROCESS + self.per_weight * self.parameters

    @property
    def patience(self) -> float:
        """Seconds to wait for another process in the run's folder; below 0 for ever."""
        return PATIENCE

    @property
    def registered(self) -> frozenset[str] | None:
        """The names that it looks up among methods and benchmarks; None for all there are.

        The code of those that it does not look up is no part of its key.
        """
        return None

    @abstractmethod
    def depends_on(self) -> Mapping[str, object]:
        """Return what the result depends on besides seed, versions, code and `needs`, as JSON.

        A mapping of `settings`, and of `data` to hashes, says which of them has changed where a
        result is not used again; any other mapping counts as settings.
        """

    @abstractmethod
    def execute(self, home: Path) -> dict[str, object]:
        """Do the work in `self.folder(home)` and return what `done.json` is to say of it.

        Raises:
            UserError: it cannot be done.
        """

    @cached_property
    def key_parts(self) -> Key:
        """All that the result depends on."""
        needs = [[run.title, run.key] for run in self.needs]
        return Key.of(type(self), self.seed, self.depends_on(), needs, self.registered)

    @property
    def key(self) -> str:
        """The hash that the run is kept under."""
        return self.key_parts.hash

    def forget_key(self) -> None:
        """Let the key be made again, since other code counts as the present one now."""
        vars(self).pop("key_parts", None)

    def folder(self, home: Path) -> Path:
        """Return where the run keeps its results."""
        return self.folder_of(self.key, home)

    def folder_of(self, key: str, home: Path) -> Path:
        """Return where results under `key` are kept, which other code may have made."""
        return home / folder_name(self.title, key)

    def finished(self, home: Path) -> bool:
        """Tell whether `home` holds this run's result."""
        return (self.folder(home) / DONE).is_file()

    def record(self, home: Path) -> JsonObject:
        """Return what `done.json` says of the result.

        Raises:
            UserError: the run is not finished.
        """
        record: JsonObject = read_json(self.folder(home) / DONE)
        return {name: value for name, value in record.items() if name != KEY}

    def ensure(self, home: Path) -> None:
        """Do the work unless it is done, and mark it as done.

        Raises:
            UserError: see `execute`.
        """
        if self.finished(home):
            return
        started = time.monotonic()
        folder = self.folder(home)
        with held(folder, self.patience):
            if self.finished(home):  # by the process that was waited for
                return
            record = self.execute(home)
            seconds = round(time.monotonic() - started, 2)
            entry = {"title": self.title, **record, "seconds": seconds}
            write_json(folder / DONE, {**entry, KEY: self.key_parts.record()})


def folder_name(title: str, key: str) -> str:
    """Return the name of a run's folder."""
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return f"{name}-{key[:10]}"


def with_needs(runs: Iterable[Run]) -> list[Run]:
    """Return `runs` and all that they need, each once and after what it needs."""
    ordered: dict[Run, None] = {}

    def add(run: Run) -> None:
        if run in ordered:
            return
        for needed in run.needs:
            add(needed)
        ordered[run] = None

    for run in runs:
        add(run)
    return list(ordered)


def unfinished(runs: Iterable[Run], home: Path) -> Iterator[Run]:
    """Yield those of `runs` that are to be done, and what they need of the same kind."""
    wanted: dict[Run, None] = {}

    def add(run: Run) -> None:
        if run in wanted or run.finished(home):
            return
        for needed in run.needs:
            add(needed)
        wanted[run] = None

    for run in runs:
        add(run)
    yield from wanted


def unresolved(runs: Iterable[Run]) -> dict[Run, str]:
    """Return those of `runs`, and of what they need, whose settings or data fail, with the reason.

    Runs that need such a one are among them.
    """
    failed: dict[Run, str] = {}
    for run in with_needs(runs):
        lacking = [one for one in run.needs if one in failed]
        try:
            if lacking:
                raise UserError(f"needs {lacking[0].title}, which fails.")
            _ = run.key
        except UserError as error:
            failed[run] = with_options(error)
    return failed
