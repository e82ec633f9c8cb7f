"""Progress with the time left, on a terminal as a bar, in a log as a line now and then."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from simnpo.system.distributed import is_main
from simnpo.system.terminal import visible, write

T = TypeVar("T")

LOG_EVERY = 15.0
"""Seconds between lines where there is no terminal."""
LINE = 80
"""Columns that a line with notes fits into."""


@runtime_checkable
class Advance(Protocol):
    """Shows progress."""

    def __call__(self, steps: int, note: str | None = None) -> None:
        """Count steps as done, and show a note next to them from now on."""


@contextmanager
def progress(what: str, total: int, notes: int = 0) -> Iterator[Advance]:
    """Show how much of `total` is done; call what is yielded with the steps just done.

    Of several processes one shows it.

    Args:
        what: a title.
        total: steps.
        notes: characters of the longest note; the bar makes room for it.
    """
    if not is_main():
        yield lambda steps, note=None: None
        return
    what = visible(what)
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _logged(what, total)
        return
    with Progress(*_columns(what, total, notes), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total, note="")

        def advance(steps: int, note: str | None = None) -> None:
            bar.advance(task, steps)
            if note is not None:
                bar.update(task, note=visible(note))

        yield advance


def _columns(what: str, total: int, notes: int) -> list[ProgressColumn]:
    """Return the parts of a line; with notes the bar gets what is left of it."""
    title = TextColumn("{task.description}", markup=False)
    note = TextColumn("{task.fields[note]}", markup=False)
    count, left = MofNCompleteColumn(), TextColumn("left")
    if not notes:
        return [title, BarColumn(), count, TimeElapsedColumn(), left, TimeRemainingColumn()]
    others = len(what) + 2 * len(str(total)) + len("/" + "left" + "0:00:00") + notes
    room = LINE - others - 5  # a space after each but the last
    parts = [title, count, left, TimeRemainingColumn(), note]
    return [title, BarColumn(min(40, room)), *parts[1:]] if room > 0 else parts


def _logged(what: str, total: int) -> Advance:
    start = last = time.monotonic()
    done, shown = 0, ""

    def advance(steps: int, note: str | None = None) -> None:
        nonlocal done, last, shown
        done += steps
        shown = shown if note is None else f"; {note}"
        now = time.monotonic()
        if now - last >= LOG_EVERY and 0 < done < total:
            last = now
            left = (now - start) / done * (total - done)
            write(f"{what}: {done}/{total}, {left:.0f} s left{shown}", to_stderr=True)

    return advance


def announced(stages: Sequence[T], name: Callable[[T], str]) -> Iterator[T]:
    """Yield each stage, saying on standard error which begins and the time left.

    The time left follows from the stages done so far, taken to be alike.
    """
    start = time.monotonic()
    for number, stage in enumerate(stages):
        if is_main():
            each = (time.monotonic() - start) / number if number else None
            left = f", about {each * (len(stages) - number):.0f} s left" if each else ""
            summary = f"{name(stage)} ({number + 1} of {len(stages)}{left})"
            write(summary, to_stderr=True)
        yield stage
