"""A command of the product in a forked process: started, watched, and what it left."""

import atexit
import contextlib
import fcntl
import io
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fault_injection import interpose
from fault_injection.interpose import Counts, DiskFault
from fault_injection.processes import end_orphans, processor_seconds

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Setting(NamedTuple):
    """What a command finds around it."""

    environment: Mapping[str, str | None] = {}
    """Variables to set; None removes one."""
    encoding: str = "utf-8"
    """Of its output."""
    prepare: Callable[[], None] | None = None
    """Called in its process just before it begins."""
    disk: DiskFault = DiskFault()
    redirect: bool = True
    """Whether output goes to files; else `prepare` has seen to it."""


USUAL = Setting()


class Running(NamedTuple):
    """A command that was started."""

    pid: int
    folder: Path
    """Holds its output: stdout, stderr, counts.json."""
    started: float


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    """Below 0 for a signal."""
    stdout: bytes
    stderr: bytes
    seconds: float
    hung: bool
    orphans: tuple[str, ...]
    """Command lines of processes that outlived it."""
    counts: Counts


def start(argv: Sequence[str], cwd: Path, notes: Path, setting: Setting = USUAL) -> Running:
    """Start `simnpo` with `argv` in `cwd`; its output goes to files in `notes`."""
    notes.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = _command(argv, cwd, notes, setting)
        finally:
            os._exit(code & 255)
    return Running(pid, notes, started)


def finish(running: Running, limit: float, alone: bool = True) -> Outcome:
    """Wait for a command to end, `limit` seconds at most, and for what it started.

    Unless it is `alone`, other commands are running, and orphans are not looked for.
    """
    code = None
    while code is None and not _too_long(running, limit):
        found, status = os.waitpid(running.pid, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if found else None
        time.sleep(0.01)
    hung = code is None
    if hung:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)
        os.waitpid(running.pid, 0)
    seconds = time.monotonic() - running.started
    texts = [_read(running.folder / name) for name in ("stdout", "stderr")]
    numbers = _read(running.folder / "counts.json")
    counts = Counts(*json.loads(numbers)) if numbers else Counts(0, 0)
    orphans = end_orphans(at_once=hung) if alone else ()
    return Outcome(
        -signal.SIGKILL if code is None else code,
        texts[0],
        texts[1],
        seconds,
        hung,
        orphans,
        counts,
    )


def run(
    argv: Sequence[str], cwd: Path, notes: Path, setting: Setting = USUAL, limit: float = 60
) -> Outcome:
    """Start a command and wait for it."""
    return finish(start(argv, cwd, notes, setting), limit)


def _command(argv: Sequence[str], cwd: Path, notes: Path, setting: Setting) -> int:
    """Be the command: all that an interpreter of its own would have done before and after it."""
    import torch

    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
    os.setsid()
    os.chdir(cwd)
    for name, value in setting.environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    for number in INTERRUPTIONS:
        handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, handler)
    if setting.redirect:
        _redirect(notes)
    torch.set_num_threads(1)
    if setting.prepare:
        setting.prepare()
    sys.stdout, sys.stderr = (_stream(number, setting.encoding) for number in (1, 2))
    sys.argv = ["simnpo", *argv]
    # Above the numbers of closed streams: the command would write into it.
    file = os.open(notes / "counts.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    numbers = fcntl.fcntl(file, fcntl.F_DUPFD, 10)
    os.close(file)
    code = 1
    interpose.arm(setting.disk)
    try:
        from simnpo.cli.main import main

        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTIONS)
        code = main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:
        traceback.print_exc()
        code = 130
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(KeyboardInterrupt):  # the command has ended
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    found = interpose.counts()
    interpose.arm(DiskFault("off"))
    os.write(numbers, json.dumps(found).encode())
    return code


def _redirect(notes: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(notes / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)


def _stream(number: int, encoding: str) -> io.TextIOWrapper | None:
    """Return a standard stream as the interpreter makes it; None where the descriptor is closed."""
    try:
        os.fstat(number)
    except OSError:
        return None
    errors = "backslashreplace" if number == 2 else "strict"
    file = io.FileIO(number, "wb", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(file), encoding, errors, write_through=number == 2)


def _too_long(running: Running, limit: float) -> bool:
    """Tell whether a command has had its time, on a processor that others may use, too."""
    passed = time.monotonic() - running.started
    if passed < limit:
        return False
    return passed > 4 * limit or processor_seconds(running.pid) > limit / 2


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
