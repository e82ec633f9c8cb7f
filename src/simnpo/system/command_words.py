"""The words of the user's command, those that came from a `--config` file among them."""

import re
import sys
from collections.abc import Sequence

FIELD = re.compile(r"``(\w+)(?:=([^`]+))?``")
"""How errors name fields and their values: ``epochs``, ``lora_rank=16``."""
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


def option(name: str) -> str:
    """Return a field as the option that a user types."""
    return "--" + name.replace("_", "-")


def with_options(message: object) -> str:
    """Return what an error says, with the fields that it names as options."""
    return FIELD.sub(lambda found: f"{option(found[1])} {found[2] or ''}".rstrip(), str(message))
