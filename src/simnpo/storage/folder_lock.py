"""One command at a time in an output folder; a second one gets the pid of the first."""

import atexit
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from simnpo.errors import UserError
from simnpo.storage.ownership import (
    LIST,
    LOCK,
    close_list,
    files_in,
    matching,
    open_list,
    prune_list,
)
from simnpo.storage.whole_folders import sweep_up
from simnpo.system.distributed import is_main


class _Hold(NamedTuple):
    lock: FileLock
    made: tuple[Path, ...]
    """Folders that were made for it, the outermost first."""
    pid: int


_holds: dict[str, _Hold] = {}


def hold(folder: Path, patience: float = 0.0) -> bool:
    """Keep other processes out of `folder` until `release`, and write down what is written there.

    The system ends the hold of a process that dies. Of several processes that are one run, the main
    one holds. What a killed run has left half-written in the folder is removed.

    Args:
        folder: made if it is not there.
        patience: seconds to wait for another process; below 0 for ever.

    Returns:
        Whether it was not held by this process before.

    Raises:
        UserError: another process holds it, whose id the message gives; or the file system has no
            locks.
    """
    key = os.path.realpath(folder)
    if not is_main() or key in _holds:
        return False
    made = tuple(reversed([one for one in (folder, *folder.parents) if not one.exists()]))
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=patience, poll_interval=0.05)
    except Timeout:
        raise UserError(
            f"{folder} is in use by {_holder(folder / LOCK)}: wait for it, or give another ``out``."
        ) from None
    except NotImplementedError:
        raise UserError(
            f"{folder} is on a file system without locks: give another ``out`` or, where it is a "
            "folder for made models, another one in the environment variable SIMNPO_CACHE."
        ) from None
    _holds[key] = _Hold(lock, made, os.getpid())
    try:
        with suppress(OSError):  # Windows lets nobody write what is locked
            (folder / LOCK).write_text(f"{os.getpid()}\n{socket.gethostname()}\n", encoding="utf-8")
        open_list(folder)
        sweep_up(folder)
        prune_list(folder)
    except BaseException:
        release(folder)
        raise
    return True


def check_unused(folder: Path, names: Sequence[str]) -> None:
    """Make sure that nobody works in a folder within `folder` that is among `names`.

    Raises:
        UserError: another process does.
    """
    inner = {path.parent for one in matching(folder, names) for path in files_in(one)}
    for place in sorted(inner - {folder}):
        if (place / LOCK).exists():
            with held(place):
                pass


def release(folder: Path) -> None:
    """Let others in; a folder that was made for nothing is removed."""
    hold = _holds.pop(os.path.realpath(folder), None)
    if hold is None or hold.pid != os.getpid():  # a forked process has the parent's
        return
    close_list(folder)
    with suppress(OSError):  # while it is held: whoever waits notices that the file is gone
        (folder / LOCK).unlink(missing_ok=True)
    hold.lock.release()
    with suppress(OSError):
        if hold.made and {path.name for path in folder.iterdir()} <= {LIST, LOCK}:
            for name in (LIST, LOCK):
                (folder / name).unlink(missing_ok=True)
        for path in reversed(hold.made):
            path.rmdir()


def release_all() -> None:
    """Let others into every folder; at the end of a command."""
    for folder in list(_holds):
        release(Path(folder))


@contextmanager
def all_released() -> Iterator[None]:
    """Hold nothing after the block that was not held before it."""
    before = set(_holds)
    try:
        yield
    finally:
        for folder in set(_holds) - before:
            release(Path(folder))


@contextmanager
def held(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold `folder` for a block, unless this process holds it already.

    Raises:
        UserError: see `hold`.
    """
    mine = hold(folder, patience)
    try:
        yield
    finally:
        if mine:
            release(folder)


def _holder(lock: Path) -> str:
    """Name the process that holds a lock; it writes its id right after it has it."""
    for _ in range(20):
        try:
            pid, host = lock.read_text(encoding="utf-8").splitlines()[:2]
        except (OSError, ValueError):
            time.sleep(0.05)
            continue
        where = "" if host == socket.gethostname() else f" on {host}"
        return f"another process of simnpo (pid {pid}{where})"
    return "another process of simnpo"


atexit.register(release_all)
