"""Progress with the time left, on a terminal as a bar, in a log as a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from simnpo.distributed import is_main

T = TypeVar("T")

LOG_EVERY = 15.0
"""Seconds between lines where there is no terminal."""

Advance = Callable[[int], None]


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """Show how much of `total` is done; call what is yielded with the steps just done.

    Of several processes one shows it.
    """
    if not is_main():
        yield lambda steps: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _logged(what, total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)


def _logged(what: str, total: int) -> Advance:
    start = last = time.monotonic()
    done = 0

    def advance(steps: int) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if now - last >= LOG_EVERY and done < total:
            last = now
            left = (now - start) / done * (total - done)
            print(f"{what}: {done}/{total}, {left:.0f} s left", file=sys.stderr, flush=True)

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
            said = f"{name(stage)} ({number + 1} of {len(stages)}{left})"
            print(said, file=sys.stderr, flush=True)
        yield stage
