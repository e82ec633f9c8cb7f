"""The executor of one machine: processes that do a run at a time, each on a GPU of its own."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from simnpo.errors import UserError
from simnpo.experiments.executor import LOG, work
from simnpo.experiments.key import accepted
from simnpo.experiments.run import PROCESS, Run
from simnpo.models import quiet
from simnpo.planning.hardware import machine_memory
from simnpo.system.parent import end_with_parent

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The GPUs that a process may use; libraries read it as they are imported."""


def gpus() -> list[str]:
    """Return the GPUs that this process may use, by their names in `VISIBLE`."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return named[:count] or [str(number) for number in range(count)]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def runs_at_once(runs: Sequence[Run]) -> int:
    """Return how many of `runs` this machine does at a time.

    That is one for each GPU; else one for each core, as far as memory holds them.
    """
    if (cards := len(gpus())) and any(run.uses_gpu for run in runs):
        return cards
    return max(1, min(cores(), int(machine_memory() // largest(runs))))


def largest(runs: Iterable[Run]) -> float:
    """Return the most memory that one of `runs` takes, in bytes."""
    found = [PROCESS]
    for run in runs:
        with suppress(UserError):  # its model cannot be read, or planned: the run says so
            found.append(run.memory)
    return max(found)


class LocalProcesses:
    """An `Executor` of spawned processes, one thread each without a GPU.

    So no result depends on the number of cores, or of runs at a time.
    """

    def __init__(self, home: Path, at_once: int | None = None, runs: Sequence[Run] = ()):
        """Start nothing yet.

        Args:
            home: folder of all runs.
            at_once: runs at a time; None for `runs_at_once`.
            runs: those that will be submitted.
        """
        cards = gpus()
        self._log = home / LOG
        self._workers = [
            _Worker(self._log, cards[number % len(cards)] if cards else None)
            for number in range(at_once or runs_at_once(runs))
        ]

    @property
    def slots(self) -> int:
        """As many as there are processes."""
        return len(self._workers)

    def submit(self, run: Run, home: Path) -> "Future[str | None]":
        """Let a process that is idle do the run, see `Executor`."""
        # The first ones: their processes have started already.
        idle = next(worker for worker in self._workers if worker.is_idle)
        return idle.begin(run, home)

    def reason(self, error: Exception) -> str:
        """Say that a process was killed, see `Executor`."""
        if not isinstance(error, BrokenProcessPool):
            raise error
        return f"its process was ended, perhaps because memory ran out ({self._log})"

    def interrupt(self, number: int) -> None:
        """Pass a signal on to the processes, see `Executor`."""
        if number != signal.SIGINT:  # Ctrl-C reaches them by itself
            for process in multiprocessing.active_children():
                process.terminate()

    def end(self) -> None:
        """See `Executor`."""
        for worker in self._workers:
            worker.end()


class _Worker:
    """A process that does one run at a time, and is replaced where it was killed."""

    def __init__(self, log: Path, gpu: str | None):
        """Start nothing yet.

        Args:
            log: where the process speaks.
            gpu: the only one that it sees; None where there is none.
        """
        self._log, self._gpu = log, gpu
        self._executor = self._process()
        self._last: Future[str | None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no run is going on."""
        return self._last is None or self._last.done()

    def begin(self, run: Run, home: Path) -> "Future[str | None]":
        """Let the process do a run."""
        with _seeing(self._gpu), _without_main():
            try:
                self._last = self._executor.submit(work, run, home, accepted())
            except BrokenProcessPool:
                self._executor = self._process()
                self._last = self._executor.submit(work, run, home, accepted())
        return self._last

    def end(self) -> None:
        """Wait for the run that is going on, and let the process end."""
        self._executor.shutdown(cancel_futures=True)

    def _process(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, context, _begin, (self._log, os.getpid()))


@contextmanager
def _seeing(gpu: str | None) -> Iterator[None]:
    """Let processes that are started in the block see one GPU alone.

    Once a process has looked for GPUs, as some libraries do when they are imported, it is too late.
    """
    before = os.environ.get(VISIBLE)
    if gpu is not None:
        os.environ[VISIBLE] = gpu
    try:
        yield
    finally:
        if gpu is not None:
            os.environ.pop(VISIBLE)
            os.environ.update({} if before is None else {VISIBLE: before})


@contextmanager
def _without_main() -> Iterator[None]:
    """Let processes that are started in the block not run the main script again.

    Spawned processes import it, for functions that it may define; runs are of simnpo's own classes.
    So a script or a notebook that calls `simnpo.sweep` needs no `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    kept = {name: vars(main).pop(name, None) for name in ("__file__", "__spec__")}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update({name: value for name, value in kept.items() if value is not None})


def _begin(log: Path, parent: int) -> None:
    """Set up a worker: it ends with its parent, has one thread without a GPU, speaks into a log."""
    end_with_parent(parent)
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    quiet()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
