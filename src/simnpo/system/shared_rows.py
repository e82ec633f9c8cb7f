"""Rows shared out over several processes: each computes its part, all get all values."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import torch
from torch import nn

from simnpo.system.distributed import is_sharded, rank, world_size
from simnpo.system.progress import progress

T = TypeVar("T")


def compute_rows(
    what: str,
    model: nn.Module,
    batches: Sequence[list[int]],
    compute: Callable[[list[int]], Iterable[T]],
) -> list[T]:
    """Compute a value for each row, every batch on one process, and return all values to all.

    The batches are those of a single process, so the values are, too. Where the weights are sharded
    over the processes, each process computes everything.

    Args:
        what: a title for the progress.
        model: what `compute` runs.
        batches: row numbers from 0; each row is in one batch.
        compute: returns the values of a batch's rows, in order.
    """
    alone = world_size() == 1 or is_sharded(model)
    own = batches if alone else batches[rank() :: world_size()]
    found: list[tuple[int, T]] = []
    with progress(what, sum(map(len, own))) as advance:
        for rows in own:
            found += zip(rows, compute(rows), strict=True)
            advance(len(rows))
    if not alone:
        parts: list[list[tuple[int, T]]] = [[] for _ in range(world_size())]
        torch.distributed.all_gather_object(parts, found)
        found = [pair for part in parts for pair in part]
    values = dict(found)
    assert len(found) == len(values), "a row was computed twice"
    return [values[row] for row in range(len(values))]
