"""The words of the user's command, those that came from a `--config` file among them."""

import sys
from collections.abc import Sequence

_given: list[str] = []


def set_command(words: Sequence[str]) -> None:
    """Keep the words after `simnpo`, as if all of them had been typed."""
    _given[:] = words


def command_words() -> list[str]:
    """Return the words after `simnpo`; of a program that calls simnpo, its own arguments."""
    return list(_given) or sys.argv[1:]


def command_text() -> str:
    """Return the whole command."""
    return " ".join(["simnpo", *command_words()])
