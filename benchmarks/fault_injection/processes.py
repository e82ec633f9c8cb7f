"""The processes below this one, and those that outlive the command that started them."""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

SUBREAPER = 36
"""Linux' PR_SET_CHILD_SUBREAPER."""
GRACE = 4.0
"""Seconds that processes have to end after the one that started them."""


def adopt_orphans() -> None:
    """Let processes whose parent dies become children of this one, where they can be seen."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def end_orphans(at_once: bool = False) -> tuple[str, ...]:
    """Return the processes below this one that do not end by themselves, and end them."""
    end = time.monotonic() + (0 if at_once else GRACE)
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        left = descendants(os.getpid())
        if not left or time.monotonic() > end:
            break
        time.sleep(0.05)
    names = tuple(f"{pid}: {name}" for pid, name in left.items())
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while left and os.waitpid(-1, 0)[0]:
            pass
    return names


def processor_seconds(pid: int) -> float:
    """Return how long a process has computed; infinite where it waits for something."""
    with contextlib.suppress(OSError):
        state, *rest = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(rest[10]) + int(rest[11])) / os.sysconf("SC_CLK_TCK") if state == "R" else 1e9
    return 0.0


def descendants(parent: int) -> dict[int, str]:
    """Return the living processes below `parent`, with what they run."""
    families: dict[int, list[tuple[int, str]]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, _, rest = (path / "stat").read_text().rpartition(")")
            state, above = rest.split()[:2]
            if state != "Z":
                families.setdefault(int(above), []).append((int(path.name), name))
    found: dict[int, str] = {}
    waiting = [parent]
    while waiting:
        for pid, name in families.get(waiting.pop(), ()):
            found[pid] = name.partition("(")[2]
            waiting.append(pid)
    return found
