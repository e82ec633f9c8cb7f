"""Tables that are too wide for a terminal, as several below each other."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

T = TypeVar("T")


def print_stacked(
    console: Console, groups: Sequence[Sequence[T]], table: Callable[[list[T]], Table]
) -> None:
    """Print tables of neighbouring groups of columns, each as wide as the console takes.

    Args:
        console: where to.
        groups: columns that stay together.
        table: makes the table of some columns; what all tables share, such as names, is its own.
    """
    for place, made in enumerate(_stacked(console, groups, table)):
        if place:
            console.print()
        console.print(made)


def _stacked(
    console: Console, groups: Sequence[Sequence[T]], table: Callable[[list[T]], Table]
) -> Iterator[Table]:
    room = console.options.update(width=10 * console.width)
    held: list[T] = []
    for group in groups:
        wider = Measurement.get(console, room, table([*held, *group])).minimum
        if held and wider > console.width:
            yield table(held)
            held = []
        held += group
    yield table(held)
