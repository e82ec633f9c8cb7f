"""Faults of the disk, injected between a process and libc; see interpose.c."""

import ctypes
import errno
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("interpose.c")
LIBRARY = "FAULTS_INTERPOSE"
"""Environment variable with the library's path, for the processes that have it loaded."""
MODES = ("off", "count", "die", "tear", "full", "read-only")


class DiskFault(NamedTuple):
    """What happens to a change of a file."""

    mode: str = "count"
    """One of MODES: die before a change; tear, that is die after half of a write; full, errors
    after so many bytes; read-only, errors from a change on."""
    at: int = 0
    """The number of the change, or the bytes that there is room for."""
    error: int = errno.ENOSPC


class Counts(NamedTuple):
    """What a process has changed."""

    calls: int
    bytes: int


def build(folder: Path) -> Path | None:
    """Compile the library into `folder`; None where there is no C compiler, or not on Linux."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not Path("/proc/self/fd").exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "interpose.so"
    if not library.exists() or library.stat().st_mtime < SOURCE.stat().st_mtime:
        command = [compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"]
        subprocess.run(command, check=True)
    return library


def loaded() -> bool:
    """Tell whether this process was started with the library."""
    return bool(os.environ.get(LIBRARY))


def arm(fault: DiskFault) -> None:
    """Begin to count this process's changes, and let the fault happen."""
    if loaded():
        _library().fault_arm(MODES.index(fault.mode), ctypes.c_long(fault.at), fault.error)


def counts() -> Counts:
    """Return what this process has changed since `arm`."""
    if not loaded():
        return Counts(0, 0)
    return Counts(_library().fault_calls(), _library().fault_bytes())


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ[LIBRARY])
    library.fault_calls.restype = library.fault_bytes.restype = ctypes.c_long
    return library
