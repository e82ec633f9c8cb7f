"""Which runs are going on, how many are done and left, and for how long still."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from simnpo.experiments.run import Run
from simnpo.report.numbers import seconds
from simnpo.system.terminal import visible, write


class Shown(Protocol):
    """What is shown of runs as they begin and end."""

    def began(self, run: Run) -> None:
        """Show a run as going on."""

    def ended(self, run: Run) -> None:
        """Count a run as done."""


@contextmanager
def runs_progress(runs: Sequence[Run]) -> Iterator[Shown]:
    """Show how far `runs` are: bars on a terminal, a line for each run elsewhere."""
    clock = _Clock(runs)
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(clock)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bars(clock, bars)


class _Clock:
    """The time left, from the seconds that runs were thought to take and those they took."""

    def __init__(self, runs: Sequence[Run]):
        self.total, self.done = len(runs), 0
        self._weight = sum(run.seconds for run in runs)
        self._past, self._start = 0.0, time.monotonic()

    def ended(self, run: Run) -> None:
        self.done += 1
        self._past += run.seconds

    def left(self) -> str:
        if not self._past:
            return ""
        spent = time.monotonic() - self._start
        return f"{seconds(spent / self._past * (self._weight - self._past))} left"


class _Lines:
    def __init__(self, clock: _Clock):
        self._clock = clock

    def began(self, run: Run) -> None:
        pass

    def ended(self, run: Run) -> None:
        clock = self._clock
        clock.ended(run)
        summary = f"{clock.done}/{clock.total} {run.title}"
        left = clock.left() if clock.done < clock.total else ""
        write(f"{summary}{', about ' if left else ''}{left}", to_stderr=True)


class _Bars:
    def __init__(self, clock: _Clock, bars: Progress):
        self._clock, self._bars = clock, bars
        self._all = bars.add_task(self._said(), total=clock.total, left="")
        self._tasks: dict[Run, int] = {}

    def _said(self) -> str:
        return f"{self._clock.done} of {self._clock.total} runs done"

    def began(self, run: Run) -> None:
        self._tasks[run] = self._bars.add_task(f"  {visible(run.title)}", total=None, left="")

    def ended(self, run: Run) -> None:
        if run in self._tasks:
            self._bars.remove_task(self._tasks.pop(run))  # type: ignore[arg-type]
        self._clock.ended(run)
        self._bars.update(self._all, advance=1, description=self._said(), left=self._clock.left())
