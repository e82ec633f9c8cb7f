"""What a terminal gets: text whose control characters are escapes, until its reader leaves.

A model's answer or a file's name may hold sequences that move the cursor, change the title or hide
what follows. All that the commands print goes through `write`, or through `visible` where rich
lays it out; `harmless` is for files that people look at, such as pages.
"""

import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast

_ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # of scripts and emoji: harmless, and words are wrong without them
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_LAYOUT = "\n\t"


def write(text: str = "", end: str = "\n", to_stderr: bool = False) -> None:
    """Print a text made harmless; what the output's encoding lacks becomes an escape, too.

    Args:
        text: whatever it is; no colour or cursor movement survives.
        end: printed after it.
        to_stderr: whether it goes to standard error, as all does that is no result.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    encoding = stream.encoding or "utf-8"
    shown = harmless(text).encode(encoding, "backslashreplace").decode(encoding)
    print(shown, end=end, file=stream, flush=True)  # the only place


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
def output_may_end() -> Iterator[None]:
    """Let the block do its work to the end, even if its output can be neither read nor written.

    A character that the output's encoding lacks, as Windows' pipes lack many, becomes `?`.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # a stream of another kind
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    with redirect_stdout(cast(TextIO, _Output(sys.stdout))):
        try:
            yield
        finally:
            sys.stdout.flush()


class _Output:
    """A text stream that drops what is written once its reader has gone."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        try:
            return int(self._stream.write(text))
        except BrokenPipeError:
            self._to_nowhere()
            return len(text)

    def flush(self) -> None:
        """Pass on what is buffered, or drop it."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._to_nowhere()

    def _to_nowhere(self) -> None:
        """Let the stream's file be the null device: Python flushes it once more as it ends."""
        with suppress(OSError, ValueError):  # a stream that is no file needs nothing
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
