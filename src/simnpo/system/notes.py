"""Lines for the user that are worth one mention, however often their cause comes up."""

from functools import cache

from simnpo.system.terminal import write


@cache
def note_once(line: str) -> None:
    """Print a line to stderr, the first time that it is given."""
    write(line, to_stderr=True)
