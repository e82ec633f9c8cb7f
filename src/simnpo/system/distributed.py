"""Several processes as one: who speaks and writes, and how work is shared out and put together.

`accelerate launch` and `torchrun` start the processes and tell each its number through the
environment; what counts is the process group that they then form. With one process everything here
does nothing.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from simnpo.system.notes import note_once
from simnpo.system.parent import LAUNCHED_BY, end_with_parent

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")
GRACE = 30.0
"""Seconds in which a launcher ends the other processes once one has failed, on a busy machine too.
"""
PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others, for instance while one writes the model."""


LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
"""What a launcher tells each process. Clusters and containers set some of them for themselves."""
_own_rank = 0  # kept after the group has ended


def world_size() -> int:
    """Return the number of processes in this one's group."""
    group = _group()
    return group.get_world_size() if group else 1


def rank() -> int:
    """Return this process's number, from 0."""
    group = _group()
    return group.get_rank() if group else _own_rank


def launched_size() -> int:
    """Return how many processes a launcher has started, before they form a group."""
    values = [os.environ.get(name, "") for name in LAUNCHED]
    return int(values[-1]) if all(value.isdecimal() for value in values) else 1


@contextmanager
def alone_unless_launched() -> Iterator[None]:
    """Hide, with a note, what looks like a launcher's variables and is not, for a block.

    Libraries would wait for processes that nobody has started.
    """
    strays = {name: os.environ[name] for name in LAUNCHED if name in os.environ}
    launched = len(strays) == len(LAUNCHED) and all(map(str.isdecimal, strays.values()))
    misleading = strays.get("WORLD_SIZE", "1") != "1" or "LOCAL_RANK" in strays
    if launched or not misleading:
        yield
        return
    listed = ", ".join(f"{name}={value}" for name, value in strays.items())
    note_once(
        f"Note: {listed} in the environment, but no launcher has set all of "
        f"{', '.join(LAUNCHED)}, so this process runs alone."
    )
    for name in strays:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(strays)


def is_main() -> bool:
    """Tell whether this process writes files and speaks to the user."""
    return rank() == 0


@contextmanager
def process_group() -> Iterator[None]:
    """Join the other processes for the length of a block; only the main one is heard in it."""
    global _own_rank
    if launched_size() == 1:
        with alone_unless_launched():
            yield
        return
    if LAUNCHED_BY in os.environ:
        end_with_parent()
    import torch
    from accelerate import PartialState

    if not torch.cuda.is_available():
        os.environ["ACCELERATE_USE_CPU"] = "true"  # else accelerate sees no processes at all
    # Takes this process's GPU, too.
    PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)
    _own_rank = rank()
    with ExitStack() as stack:
        if not is_main():
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        yield
    torch.distributed.destroy_process_group()


def _group() -> ModuleType | None:
    """Return `torch.distributed` if this process is in a group, else None; it may not be loaded."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    formed = distributed and distributed.is_available() and distributed.is_initialized()
    return distributed if formed else None


def let_others_speak() -> None:
    """Wait before reporting a failure that another process may be reporting already.

    A launcher ends all processes as soon as one has failed: whoever is still there afterwards is
    the only one to know.
    """
    if world_size() > 1:
        time.sleep(GRACE)


def barrier() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        import torch

        torch.distributed.barrier()


def broadcast_from_main(make: Callable[[], T]) -> T:
    """Return what `make` returns on the main process; the others do not call it."""
    if world_size() == 1:
        return make()
    import torch

    made: list[Any] = [make() if is_main() else None]
    torch.distributed.broadcast_object_list(made, src=0)
    value: T = made[0]
    return value


def mean(value: "Tensor") -> "Tensor":
    """Return the mean of a tensor over all processes, without its gradient."""
    value = value.detach()
    if world_size() == 1:
        return value
    import torch
    from accelerate import PartialState

    total = value.to(PartialState().device, copy=True)
    torch.distributed.all_reduce(total)
    return total.to(value.device) / world_size()


def any_rank(flag: bool) -> bool:
    """Tell whether `flag` is true on any process."""
    if world_size() == 1:
        return flag
    import torch

    return bool(mean(torch.tensor(float(flag))) > 0)


def all_finite(tensors: Iterable["Tensor"]) -> bool:
    """Tell whether no tensor holds NaN or infinity, on any process.

    Of a tensor that is sharded over the processes (FSDP), each looks at its own part.
    """
    parts = (one.to_local() if hasattr(one, "to_local") else one for one in tensors)
    return not any_rank(not all(part.isfinite().all() for part in parts))


def is_sharded(model: "nn.Module") -> bool:
    """Tell whether `model`'s weights are sharded over the processes, by FSDP or DeepSpeed ZeRO-3.

    Such a model gathers its weights in every forward pass, so all processes must run equally many.
    """
    first = next(model.parameters())
    return hasattr(first, "to_local") or hasattr(first, "ds_id")


def sharding() -> Literal["", "FSDP", "ZeRO-3", "DeepSpeed"]:
    """Return how the launcher parts the weights, before there are any; empty where it does not.

    DeepSpeed's other stages leave the weights whole.
    """
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true":
        return "FSDP"
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() != "true":
        return ""
    file = os.environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none")
    stage = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")  # as accelerate does
    if file != "none":
        with open(file, encoding="utf-8") as opened, suppress(ValueError):
            stage = str(json.load(opened).get("zero_optimization", {}).get("stage"))
    return "ZeRO-3" if stage == "3" else "DeepSpeed"
