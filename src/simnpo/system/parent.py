"""Processes that end with the one that started them, even where that one was killed."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress

LAUNCHED_BY = "TORCHELASTIC_RUN_ID"
"""Set in the processes that torchrun and accelerate have started and wait for."""
PR_SET_PDEATHSIG = 1
LOOK_EVERY = 1.0


def end_with_parent(parent: int | None = None) -> None:
    """End this process once the one that started it has ended, however that was.

    On Linux the system sees to it, for a process that computes as for one that waits. Everywhere a
    thread looks every second.

    Args:
        parent: the id of the process that started this one; None is the one that is there now.
    """
    expected = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while not _has_ended(expected):
            time.sleep(LOOK_EVERY)
        os._exit(1)

    if _has_ended(expected):  # before anything could watch it
        os._exit(1)
    threading.Thread(target=watch, daemon=True, name="simnpo-parent").start()


def _has_ended(parent: int) -> bool:
    if os.name == "posix":  # whoever is left without a parent gets another one
        return os.getppid() != parent
    import psutil

    return not psutil.pid_exists(parent)
