"""Rows to keep that are never trained on, so that "kept" is measured on something unseen."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from simnpo.data.examples import Example
from simnpo.data.normal_text import comparable

T = TypeVar("T")
SHARE = 5
"""One of so many rows is held out."""
LEAST = 10
"""Rows held out at least, as long as they are no more than half."""
TOO_FEW = 4
"""Below so many rows none is held out."""


def _itself(row: Any) -> Any:
    return row


def hold_out(
    retain: Sequence[T], seed: int, example: Callable[[T], Example] = _itself
) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """Split a retain set into the rows to train on and those that are only measured.

    A fifth is held out, at least `LEAST` rows and never more than half. Rows with the same question
    or the same answer stay on one side; where that leaves no choice, fewer are held out, or none.

    Args:
        retain: the rows.
        seed: which rows are held out.
        example: returns a row's example, for rows that are not examples themselves.

    Returns:
        The rows to train on and those held out, each in the order given. Of fewer than `TOO_FEW`
        rows none is held out, and what is kept can be measured on trained rows only.
    """
    rows = tuple(retain)
    count = min(max(len(rows) // SHARE, LEAST), len(rows) // 2)
    if len(rows) < TOO_FEW:
        return rows, ()
    groups = _groups([example(row) for row in rows])
    order = np.random.default_rng(seed).permutation(len(groups))
    held: set[int] = set()
    for place in order:
        if len(held) + len(groups[place]) <= count:
            held.update(groups[place])
    smallest = min((groups[place] for place in order), key=len)
    if not held and 2 * len(smallest) <= len(rows):
        held.update(smallest)
    return (
        tuple(row for place, row in enumerate(rows) if place not in held),
        tuple(row for place, row in enumerate(rows) if place in held),
    )


def _groups(examples: Sequence[Example]) -> list[list[int]]:
    """Return the places of rows that share questions or answers, over any number of steps."""
    parent = list(range(len(examples)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[tuple[str, str], int] = {}
    for place, one in enumerate(examples):
        keys = [("answer", comparable(one.answer))]
        if one.question is not None:
            keys.append(("question", comparable(one.question)))
        for key in keys:
            parent[root(place)] = root(first.setdefault(key, place))
    groups = defaultdict(list)
    for place in range(len(examples)):
        groups[root(place)].append(place)
    return list(groups.values())
