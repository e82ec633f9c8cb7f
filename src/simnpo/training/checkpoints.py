"""Checkpoints to resume from: each appears whole or not at all, and only ours are removed."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from simnpo.storage.ownership import own_among, remove_own
from simnpo.storage.system_errors import writing
from simnpo.storage.whole_folders import partial_folder, publish
from simnpo.system import distributed
from simnpo.training.checkpoint_checks import write_digests

CHECKPOINTS = "checkpoint-[0-9]*"
STATE = "trainer_state.json"
"""What transformers writes last: a checkpoint with a readable one is whole."""


@runtime_checkable
class KeepsRecord(Protocol):
    """A callback with a record of its own, which a resumed run has to find as it was."""

    def keep_record(self, checkpoint: Path, step: int) -> None:
        """Write the record to disk, before the checkpoint of `step` appears."""


@contextmanager
def whole_checkpoint(
    folder: Path, step: int, callbacks: Sequence[object], limit: int | None
) -> Iterator[Path]:
    """Yield a folder in which transformers makes its `checkpoint-STEP`.

    That takes its place in `folder` only once all of it is written, and all that callbacks know.
    After that all checkpoints but the newest `limit` are removed.
    """
    final = folder / f"checkpoint-{step}"
    if not distributed.is_main():
        yield distributed.broadcast_from_main(lambda: folder)
        distributed.barrier()
        distributed.barrier()
        return
    with writing(final), partial_folder(final) as room:
        yield distributed.broadcast_from_main(lambda: room)
        distributed.barrier()  # every process has written its part
        made = room / final.name
        for one in callbacks:
            if isinstance(one, KeepsRecord):
                one.keep_record(made, step)
        write_digests(made)
        publish(made, final, (STATE,))
    if limit:
        remove_checkpoints(folder, but=limit)
    distributed.barrier()


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint in `folder`."""
    return next(filter(_is_whole, reversed(_checkpoints(folder))), None)


def remove_checkpoints(folder: Path, but: int = 0) -> None:
    """Remove the checkpoints of runs in `folder`, `but` the newest so many."""
    own = [path for path in _checkpoints(folder) if own_among(folder, [path.name])]
    for path in own[: len(own) - but]:
        remove_own(folder, [path.name])


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return True


def _checkpoints(folder: Path) -> list[Path]:
    """Return transformers' checkpoints in `folder`, by step."""
    numbered = [path for path in folder.glob(CHECKPOINTS) if path.name[11:].isdecimal()]
    return sorted(
        (path for path in numbered if path.is_dir()), key=lambda path: int(path.name[11:])
    )
