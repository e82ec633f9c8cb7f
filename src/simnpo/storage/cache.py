"""Where models that are made once are kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from simnpo.errors import UserError
from simnpo.system.terminal import write


def cache_folder() -> Path:
    """Return where made models are kept: `SIMNPO_CACHE`, else the user's cache.

    Raises:
        UserError: there is neither.
    """
    found = user_cache()
    if found is None:
        raise UserError(
            "there is no home folder, so name a folder for made models in the environment "
            "variable SIMNPO_CACHE."
        )
    return found


def user_cache() -> Path | None:
    """Return what `cache_folder` does, or None."""
    if named := os.environ.get("SIMNPO_CACHE"):
        return Path(named)
    if shared := os.environ.get("XDG_CACHE_HOME"):  # empty is unset, by its specification
        return Path(shared) / "simnpo"
    try:
        return Path.home() / ".cache" / "simnpo"
    except RuntimeError:  # neither HOME nor an account, as in some containers
        return None


@contextmanager
def made_by_one(path: Path) -> Iterator[None]:
    """Let one process at a time make `path`, in a block that first looks whether it is there.

    Whoever comes second waits, and says so. The system ends the lock of a process that dies.

    Raises:
        UserError: the file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        write(f"Waiting for another process, which is making {path}.", to_stderr=True)
        lock.acquire()
    except NotImplementedError:
        raise UserError(
            f"{path.parent} is on a file system without locks: name another folder for made models "
            "in the environment variable SIMNPO_CACHE."
        ) from None
    try:
        yield
    finally:
        lock.release()
