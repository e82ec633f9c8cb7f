"""Standard output whose reader may leave, as `head` does."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast


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
