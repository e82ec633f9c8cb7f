"""Errors of the operating system: recognised in what libraries make of them, and with a place."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NUMBERED = re.compile(r"\(os error (\d+)\)|\[Errno (\d+)\]")
"""How libraries in Rust and Python put the system's number of an error into a message."""
UNNUMBERED = "PytorchStreamWriter failed writing"
"""What torch says instead."""


def system_error(error: BaseException) -> OSError | None:
    """Return an error as the system's, if it is one, whatever a library made of it."""
    if isinstance(error, OSError):
        return error
    if found := NUMBERED.search(str(error)):
        number = int(found[1] or found[2])
        return OSError(number, os.strerror(number))
    if UNNUMBERED in str(error):
        return OSError(errno.ENOSPC, "a file could not be written to its end")
    return None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let the system's errors in the block name `path`, which is written there under other names.

    An error of a file elsewhere, which is read, keeps its own.

    Raises:
        OSError: instead of what a library makes of it.
    """
    try:
        yield
    except Exception as error:
        found = system_error(error)
        if found is None or found.errno is None or not _is_of(found, path):
            raise
        raise OSError(found.errno, found.strerror, str(path)) from error


def _is_of(error: OSError, path: Path) -> bool:
    if error.filename is None:
        return True
    return not isinstance(error.filename, int) and Path(os.fsdecode(error.filename)).is_relative_to(
        path.parent
    )
