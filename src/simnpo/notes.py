"""Lines for the user that are worth one mention, however often their cause comes up."""

import sys
from functools import cache


@cache
def note_once(line: str) -> None:
    """Print a line to stderr, the first time that it is given."""
    print(line, file=sys.stderr)
