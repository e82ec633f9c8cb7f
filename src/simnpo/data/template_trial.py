"""A chat template is a program that comes with a model: it is tried where it can be stopped.

Its sandbox keeps it from files and from Python, and not from looping for ever, nor from filling the
memory, which it may do as early as it is compiled.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from simnpo.errors import UserError

SECONDS = 3.0
"""Of the processor, for a few short conversations. Usual templates need a tenth of one."""
PATIENCE = 60
"""Seconds by the clock, where a machine is busy."""
MEMORY = 1 << 30
"""Bytes, the interpreter included."""
MOST_CHARACTERS = 1_000_000
"""That a template may write around a few words."""
_NO_MEMORY, _TOO_LONG = 41, 42
_WATCHED_EVERY = 0.02  # seconds


def tried(
    source: str, conversations: Sequence[Mapping[str, object]], date: str
) -> list[str | None]:
    """Return what a chat template writes, as a process of its own has found within limits.

    Each template is tried once for the same conversations.

    Args:
        source: the template.
        conversations: what the template is given for each.
        date: the day that it takes for today.

    Returns:
        A text for each conversation, None where the template refuses it; nothing at all where it
        cannot be compiled.

    Raises:
        UserError: it needs too much time or memory, or writes too much, or ends the process.
    """
    return list(_tried(source, json.dumps(list(conversations), default=str), date))


@cache
def _tried(source: str, conversations: str, date: str) -> tuple[str | None, ...]:
    code, out = _run({
        "source": source,
        "conversations": json.loads(conversations),
        "date": date,
        "memory": MEMORY,
        "seconds": 2 * int(SECONDS + 1),
        "most": MOST_CHARACTERS,
        "no_memory": _NO_MEMORY,
        "too_long": _TOO_LONG,
    })  # fmt: skip
    if code != 0:
        what = {
            _NO_MEMORY: f"takes more than {MEMORY >> 20} MiB of memory",
            _TOO_LONG: f"writes more than {MOST_CHARACTERS} characters",
            None: f"does not end within {SECONDS:g} seconds",
        }.get(code, f"ends the process that renders it (exit code {code})")
        raise UserError(
            f"the tokenizer's chat template {what} for a few words; use ``template=plain`` or a "
            "text of your own, or a tokenizer that you trust."
        )
    return tuple(json.loads(out))


def _run(given: Mapping[str, object]) -> tuple[int | None, str]:
    """Return the exit code of the child, None where it took too long, and what it wrote."""
    paths = os.pathsep.join(filter(None, sys.path))
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("template_child.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"},
        encoding="utf-8",
    )
    with ThreadPoolExecutor(1) as pool:
        try:
            watched = psutil.Process(child.pid)  # it stays known until somebody has waited for it
            # A thread of its own: `communicate` gives up what it has not written at a time-out.
            talk = pool.submit(child.communicate, json.dumps(given))
            exceeded = _watch(talk, watched)
        finally:
            child.kill()  # nothing, where it has ended
        return (child.wait() if exceeded == 0 else exceeded), talk.result()[0]


def _watch(talk: "Future[tuple[str, str]]", watched: psutil.Process) -> int | None:
    """Wait for the child, return 0 once it has ended, else which limit it has gone beyond."""
    end = time.monotonic() + PATIENCE
    while True:
        with suppress(TimeoutError):
            talk.result(_WATCHED_EVERY)
            return 0
        with suppress(psutil.Error):  # it may have ended by now
            times = watched.cpu_times()
            if times.user + times.system > SECONDS or time.monotonic() > end:
                return None
            if watched.memory_info().rss > MEMORY:
                return _NO_MEMORY
