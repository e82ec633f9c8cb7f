"""How a Python call becomes a command: keyword arguments are its options."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from os import PathLike, fspath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from simnpo.data.given_rows import row_values
from simnpo.errors import UserError
from simnpo.storage.folder_lock import all_released
from simnpo.system.distributed import process_group

Place: TypeAlias = str | PathLike[str]
Data: TypeAlias = Place | Iterable[Mapping[str, object] | str]
"""A file, a folder or a hub dataset by name; a `datasets.Dataset`; or rows: dicts, or texts."""
Option: TypeAlias = (
    "str | float | bool | PathLike[str] | Sequence[str | float | PathLike[str]] | None"
)
"""The value of an option; None leaves it out."""


@contextmanager
def files_of(sets: Mapping[str, Data | None]) -> Iterator[dict[str, str]]:
    """Yield a file for each set that is given; rows are written into files for as long as this is.

    Raises:
        UserError: a set's rows are neither dicts nor texts.
    """
    with TemporaryDirectory(prefix="simnpo-") as room:
        yield {
            name: _file(name, data, Path(room)) for name, data in sets.items() if data is not None
        }


def call(words: Sequence[str], options: Mapping[str, Option]) -> None:
    """Run a command.

    Args:
        words: the command and its positional arguments.
        options: its options by name, with underscores.

    Raises:
        TypeError: there is no such option.
        ValueError: an option has a value that it cannot have.
        UserError: see the command.
    """
    from simnpo.cli.command_line import parse
    from simnpo.cli.config_file import present_name
    from simnpo.cli.options import option_words

    known = _options(words)
    given = {present_name(name): value for name, value in options.items() if value is not None}
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; do you mean {near[0]}?" if near else ""
            raise TypeError(f"{words[0]}() has no option {name!r}{hint}")
    arguments = list(words)
    for name, value in given.items():
        arguments += [] if value is False else option_words(name, value)
    with process_group(), all_released():
        try:
            command = parse(arguments)
        except SystemExit:
            raise ValueError(f"{words[0]}(): an option's value is refused, see above.") from None
        command.run()


def _options(words: Sequence[str]) -> set[str]:
    """Return the names of a command's options.

    Raises:
        UserError: there is no such attack.
    """
    from simnpo.cli.attack import COMMANDS
    from simnpo.cli.command_line import command_class
    from simnpo.cli.config_file import options_of

    command = command_class(words)
    if command is None:
        raise UserError(f"unknown attack {words[1]!r}; there are {', '.join(COMMANDS)}.")
    return set(options_of(command))


def _file(name: str, data: Place | Iterable[object], room: Path) -> str:
    if isinstance(data, str | PathLike):
        return fspath(data)
    path = room / f"{name}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(data):
            found = row_values(name, number, row)
            try:
                file.write(json.dumps(found, ensure_ascii=False) + "\n")
            except (TypeError, ValueError) as error:
                raise UserError(f"{name}[{number}]: {error}") from None
    return str(path)
