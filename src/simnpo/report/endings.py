"""How a command ends that does not reach its end: the words for the user, and the exit code."""

import errno
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from simnpo.errors import Interrupted, TrainingDiverged, UserError
from simnpo.storage.system_errors import system_error
from simnpo.system.command_words import with_options

FAILED, DIVERGED = 1, 3
"""Exit codes: a mistake, or something that the machine or the code does not do; a training that
diverged. An unknown option is 2, and a signal 128 and its number, as in every shell."""
DIVERGED_WORDS = "training diverged: "
"""What such an ending begins with."""
DEBUG = "--debug"
"""With it a command shows the traceback, too; every command takes it, before its name or after."""
MOST_CHARACTERS = 300
"""Of what a library says."""
NO_MEMORY = re.compile(
    r"out of memory|(can't|cannot|unable to) allocate|not enough memory|bad_alloc"
    r"|alloc(ation)?_failed|CUBLAS_STATUS_NOT_INITIALIZED|\(os error 12\)"
    r"|failed to map segment from shared object$",
    re.IGNORECASE,
)
"""What libraries say, each in its own way, where memory is lacking.

The last is the loader's; where it gives a reason after these words, memory is not it.
"""
LEAST_MEMORY = 16 * 2**20
"""Bytes. Where they are not to be had, memory is what an unexpected error came from."""
ADVICE = {
    errno.ENOSPC: "make room there, or give a folder on another disk",
    errno.EDQUOT: "make room there, or give a folder on another disk",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or give another file system",
    errno.EROFS: "give a folder that can be written to",
    errno.EACCES: "give a folder or file that you may use",
    errno.EPERM: "give a folder or file that you may use",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs",
}
"""What helps, by the system's number of an error."""

LIMITS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE}


class Ending(NamedTuple):
    """Words, and an exit code."""

    words: str
    code: int


OUT_OF_MEMORY = Ending(
    "error: out of memory. In training, lower --micro-batch-size (the result stays the same), or "
    "use --gradient-checkpointing, --lora-rank or --precision bf16; `simnpo plan` says what makes "
    "a run fit. Elsewhere, close other programs.",
    FAILED,
)


def ending_of(
    error: BaseException, trace: str = f"add {DEBUG} for the traceback, and report it"
) -> Ending:
    """Return how to report what stopped a command: in one line or two, whatever raised it.

    Args:
        error: what it was.
        trace: where the traceback is of what nobody expected.
    """
    causes = list(_causes(error))
    if isinstance(error, Interrupted | KeyboardInterrupt):
        return _interrupted(error, causes)
    if any(map(_lacks_memory, causes)):
        # Whoever caught it may have made another error of it: that a model cannot be loaded.
        return OUT_OF_MEMORY
    if isinstance(error, TrainingDiverged):
        return Ending(f"{DIVERGED_WORDS}{with_options(error)}", DIVERGED)
    if isinstance(error, UserError):
        return Ending(f"error: {with_options(error)}", FAILED)
    system = system_error(error) or next(filter(_limits, map(system_error, causes)), None)
    if system:
        return Ending(f"error: {_system_words(system)}", FAILED)
    if _memory_is_full():
        # Without memory, even Python's own parser raises whatever its next step stumbles over.
        return OUT_OF_MEMORY
    text = " ".join(str(error).split())[:MOST_CHARACTERS]
    return Ending(
        f"error: {type(error).__name__}: {text} ({_place(error)}). This is not expected: {trace}.",
        FAILED,
    )


def _interrupted(error: BaseException, causes: list[BaseException]) -> Ending:
    numbers = (getattr(one, "number", signal.SIGINT) for one in causes)
    number = signal.Signals(next((one for one in numbers if one != signal.SIGINT), signal.SIGINT))
    by = "" if number == signal.SIGINT else f" by {number.name}"
    return Ending(
        f"interrupted{by}: {with_options(error)}" if str(error) else f"interrupted{by}.",
        128 + number,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those while which it was raised, `from None` or not."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, UserError):  # our own words, and texts of users in them
        return False
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    of_libraries = isinstance(error, RuntimeError | OSError | ImportError)
    return (of_libraries or type(error).__name__ == "SafetensorError") and bool(
        NO_MEMORY.search(str(error))
    )


def _memory_is_full() -> bool:
    try:
        bytearray(LEAST_MEMORY)
    except MemoryError:
        return True
    return False


def _limits(error: OSError | None) -> bool:
    """Tell whether an error is the system's at a limit: then what came of it is of no interest."""
    return error is not None and error.errno in LIMITS


def _system_words(error: OSError) -> str:
    if error.errno is None:
        return " ".join(str(error).split())[:MOST_CHARACTERS]
    reason = error.strerror or os.strerror(error.errno)
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    advice = ADVICE.get(error.errno, "")
    if advice and where and error.errno not in (errno.EMFILE, errno.ENFILE) and _cached(where):
        advice = "give another folder for made models in the environment variable SIMNPO_CACHE"
    return f"{where}{reason}{f'; {advice}' if advice else ''}."


def _cached(path: str) -> bool:
    from simnpo.storage.cache import user_cache

    cache = user_cache()
    return cache is not None and path.startswith(str(cache))


def _place(error: BaseException) -> str:
    """Return file and line of the last of our own modules that an error passed through."""
    own, found = Path(__file__).parents[1], "outside simnpo"
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.is_relative_to(own):
            found = f"{path.relative_to(own).as_posix()}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found
