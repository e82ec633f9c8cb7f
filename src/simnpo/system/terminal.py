"""What a terminal gets: text whose control characters are escapes, until its reader leaves.

A model's answer or a file's name may hold sequences that move the cursor, change the title or hide
what follows. All that the commands print goes through `write`, or through `visible` where rich
lays it out; `harmless` is for files that people look at, such as pages.
"""

import errno
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # of scripts and emoji: harmless, and words are wrong without them
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LAYOUT = "\n\t"
NARROWEST, WIDEST = 40, 400


def write(text: str = "", end: str = "\n", to_stderr: bool = False) -> None:
    """Print a text made harmless; what the output's encoding lacks becomes an escape, too.

    Args:
        text: whatever it is; no colour or cursor movement survives.
        end: printed after it.
        to_stderr: whether it goes to standard error, as all does that is not a result.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is None:  # a program without a console
        return
    encoding = stream.encoding or "utf-8"
    shown = harmless(text).encode(encoding, "backslashreplace").decode(encoding)
    print(shown, end=end, file=stream, flush=True)  # the only place


def check_width() -> None:
    """Let libraries lay out text for a width that text fits into, whatever the terminal's is.

    At one column tyro never ends.
    """
    width = shutil.get_terminal_size().columns
    if not NARROWEST <= width <= WIDEST:
        os.environ["COLUMNS"] = str(min(max(width, NARROWEST), WIDEST))


def harmless(text: str) -> str:
    r"""Return a text whose control characters but line breaks and tabs are escapes, as `\x1b`."""
    return text.translate(_HARMLESS)


def visible(text: str, breaks: bool = False) -> str:
    r"""Return a text whose control characters are escapes, such as `\n` and `\x1b`.

    Args:
        text: a user's or a model's.
        breaks: whether a line break is kept behind its escape, except at the end.
    """
    shown = "".join(_escaped(one) + ("\n" if breaks and one == "\n" else "") for one in text)
    return shown.rstrip("\n")


def _escaped(letter: str) -> str:
    if letter in _JOINERS or unicodedata.category(letter) not in _ESCAPED:
        return letter
    code = ord(letter)
    return _NAMED.get(letter) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


class _Escapes(dict[int, str]):
    """What each character becomes, found out once: a page has millions of them."""

    def __missing__(self, code: int) -> str:
        self[code] = _escaped(chr(code))
        return self[code]


_HARMLESS = _Escapes({ord(one): one for one in _LAYOUT})


@contextmanager
def output_may_end() -> Iterator["Output"]:
    """Let the block do its work to the end, even if its output can be neither read nor written.

    A reader may leave, as `head` does; a terminal may be closed; the disk may be full that output
    goes to; or there may be no stream from the start. A character that the output's encoding lacks,
    as Windows' pipes lack many, becomes `?`.

    Yields:
        Standard output, which knows whether something of it was lost.
    """
    _open_missing()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # a stream of another kind
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    output, errors = Output(sys.stdout), Output(sys.stderr)
    with redirect_stdout(cast(TextIO, output)), redirect_stderr(cast(TextIO, errors)):
        try:
            yield output
        finally:
            output.flush()
            errors.flush()


def _open_missing() -> None:
    """Let the null device stand for standard streams that are closed.

    The next file that is opened would get a closed one's number, and what libraries print.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:  # else it took the place, which was the lowest that is free
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


class Output:
    """A text stream that drops what is written once it cannot be written any more."""

    lost: OSError | None = None
    """Why something was lost that somebody waits for; a reader who left waits for nothing."""

    def __init__(self, stream: Any) -> None:
        """Pass on to a stream."""
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        try:
            return int(self._stream.write(text))
        except OSError as error:
            self._to_nowhere(error)
            return len(text)

    def flush(self) -> None:
        """Pass on what is buffered, or drop it."""
        try:
            self._stream.flush()
        except OSError as error:
            self._to_nowhere(error)

    def _to_nowhere(self, error: OSError) -> None:
        """Let the stream's file be the null device: Python flushes it once more as it ends."""
        if error.errno not in (errno.EPIPE, errno.EIO):  # EIO: of a terminal that was closed
            self.lost = self.lost or error
        with suppress(OSError, ValueError):  # a stream that is not a file needs nothing
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
