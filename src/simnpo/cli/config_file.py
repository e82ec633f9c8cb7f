"""`--config FILE`, with any command: options from YAML, JSON, or an earlier run's run.json."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import get_args, get_type_hints

from simnpo.errors import UserError
from simnpo.system.notes import note_once

CONFIG = "--config"
OF_ONE_RUN = ("--out", "--resume", "--overwrite")
"""Options that are not taken from an earlier run's record."""
RENAMED = {"controls": "utility_sets"}
"""Options that the last release had under another name; the next one knows the new name alone."""
SCALARS = (str, int, float, date)
"""Types of the values that a user could type, as YAML reads them."""


def expand(argv: Sequence[str], named: Callable[[Sequence[str]], type | None]) -> list[str]:
    """Return `argv` with the options of its `--config FILE`, less those that are typed as well.

    Args:
        argv: what is typed after `simnpo`.
        named: returns the dataclass of the command that its first words name, None for none.

    Raises:
        UserError: the file cannot be read, is of another command, or has an option or a value that
            there is not.
    """
    words, file = _without_config([_present_word(word) for word in argv])
    if file is None or (command := named(words)) is None:
        return words
    typed = {word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")}
    head = words[: 2 if words[0] == "attack" else 1]
    added = [one for one in _read(file, head, command) if one[0] not in typed]
    return [*words, *(word for option in added for word in option)]


def present_name(option: str) -> str:
    """Return what an option is called now; a note says so where that is another name."""
    if option not in RENAMED:
        return option
    old, new = (name.replace("_", "-") for name in (option, RENAMED[option]))
    note_once(f"Note: --{old} is called --{new} now; the next release will refuse the old name.")
    return RENAMED[option]


def _present_word(word: str) -> str:
    name, equals, value = word.partition("=")
    option = name.removeprefix("--")
    if option == name or option not in RENAMED:
        return word
    return f"--{present_name(option).replace('_', '-')}{equals}{value}"


def options_of(command: type) -> dict[str, object]:
    """Return the types of a command's options by name, with underscores; groups are looked into."""
    kinds, found = get_type_hints(command), dict[str, object]()
    for field in fields(command):
        kind = kinds[field.name]
        grouped = isinstance(kind, type) and is_dataclass(kind)
        found |= options_of(kind) if grouped else {field.name: kind}
    return found


def _without_config(argv: Sequence[str]) -> tuple[list[str], Path | None]:
    words, file = list[str](), None
    left = iter(argv)
    for word in left:
        name, _, value = word.partition("=")
        if name != CONFIG:
            words.append(word)
            continue
        value = value or next(left, "")
        if not value or value.startswith("--") or file is not None:
            raise UserError(f"{CONFIG}: give one file, as in {CONFIG} settings.yaml.")
        file = Path(value)
    if file is not None and (not words or words[0].startswith("-")):
        raise UserError(f"{CONFIG}: name a command first, as in simnpo unlearn {CONFIG} {file}.")
    return words, file


def _read(file: Path, head: list[str], command: type) -> list[list[str]]:
    """Return the file's options, each as the words that a user types."""
    from simnpo.cli.options import option_words

    found = _mapping(file)
    if isinstance(argv := found.get("argv"), list):  # the record of a run
        return _of_run(file, [str(word) for word in argv], head)
    known, options, seen = options_of(command), list[list[str]](), set[str]()
    for key, value in found.items():
        option = present_name(str(key).replace("-", "_"))
        if option in seen:
            raise UserError(f"{file}: {option} is given twice.")
        seen.add(option)
        if option not in known:
            near = get_close_matches(option, known, 1)
            hint = f"; do you mean {near[0]}?" if near else "."
            raise UserError(f"{file}: simnpo {' '.join(head)} has no option {key!r}{hint}")
        # Aliases of aliases stand for more than memory holds: what is nested is not even printed.
        several = value if isinstance(value, list) else [value]
        if value is not None and not all(isinstance(one, SCALARS) for one in several):
            raise UserError(f"{file}: {key} must have one value, or a list of values.")
        if isinstance(value, bool) and bool not in (known[option], *get_args(known[option])):
            raise UserError(
                f"{file}: {key} is {str(value).lower()}, as YAML reads on, off, yes and no; put it "
                "in quotes."
            )
        if value is not None and value is not False:
            options.append(option_words(option, value))
    return options


def _mapping(file: Path) -> Mapping[str, object]:
    from simnpo.storage.files import read_json, read_yaml

    found = read_json(file) if file.suffix == ".json" else read_yaml(file)
    if not isinstance(found, Mapping):
        raise UserError(f"{file} must hold options by name, as in learning_rate: 1e-5.")
    return found


def _of_run(file: Path, argv: list[str], head: list[str]) -> list[list[str]]:
    """Return the options that an earlier run was typed with."""
    if argv[: len(head)] != head:
        name, other = " ".join(head), " ".join(argv[: len(head)])
        raise UserError(f"{file} is of simnpo {other}, and this is simnpo {name}.")
    options: list[list[str]] = []
    for word in map(_present_word, argv[len(head) :]):
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            options.append([option.replace("_", "-"), *([value] if equals else [])])
        elif options:
            options[-1].append(word)
    return [one for one in options if one[0] not in (*OF_ONE_RUN, CONFIG)]
