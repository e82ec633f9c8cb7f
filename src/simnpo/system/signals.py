"""Requests to end: Ctrl-C, SIGTERM of a scheduler or the system, SIGHUP of a closed terminal."""

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeAlias

from simnpo.errors import Interrupted, Stopped

REQUESTS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that ask a process to end, besides Ctrl-C; Windows has no SIGHUP."""
_Handler: TypeAlias = Callable[[int, FrameType | None], None]


@contextmanager
def handled(numbers: tuple[signal.Signals, ...], handler: _Handler) -> Iterator[None]:
    """Give signals to `handler` in the block; those that are ignored, as under nohup, stay so.

    Only a process's main thread may do so: in another thread nothing changes.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in numbers}
        # None: a handler of another language, which could not be put back.
        before = {n: one for n, one in found.items() if one not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)


@contextmanager
def requests_raise() -> Iterator[None]:
    """Let a request to end raise `Stopped` in the block, so that what is open is cleaned up.

    The first one does; those after it find the process ending already.
    """
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise Stopped(number)

    with handled(REQUESTS, stop):
        yield


_postponed: list[int] = []


def postpone(number: int | None) -> None:
    """Keep a request that came while a last step was finished, for `raise_postponed`; or none."""
    _postponed[:] = [] if number is None else [number]


def raise_postponed(message: str) -> None:
    """Stop here, if a request was postponed.

    Raises:
        Interrupted: with `message`.
    """
    if _postponed:
        raise Interrupted(message, _postponed.pop())


@contextmanager
def swallowed_interrupts_return() -> Iterator[None]:
    """Let Ctrl-C come again where Python drops it, as it does within a finaliser."""
    before = sys.unraisablehook

    def hook(dropped: "sys.UnraisableHookArgs") -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            # At once it would be dropped, too.
            again = threading.Timer(0.01, _thread.interrupt_main)
            again.daemon = True
            again.start()
        else:
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
