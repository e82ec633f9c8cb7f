"""Hostile files of options, for `--config`."""

from functools import partial
from pathlib import Path

from fault_injection.interruptions import Scene
from fault_injection.mutations import ESCAPE, change_bytes
from fault_injection.recipes import words
from fault_injection.trial import MARK, Expected, Fault, Trial

BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
)
CODE = f"!!python/object/apply:os.system ['touch ${MARK}']"
CHANGES: dict[str, tuple[str, Expected]] = {
    "an unknown option": ("{options}optoin: 3\n", "refuse"),
    "a mapping": ("{options}training: {steps: 2}\n", "refuse"),
    "a nested list": ("{options}seed: [[1]]\n", "refuse"),
    "aliases of aliases": ("{options}seed: &a [1, 1]\nsteps: [*a, *a]\n", "refuse"),
    "a bomb": (BOMB + "{options}", "refuse"),
    "a recursive list": ("{options}seed: &a [*a]\n", "refuse"),
    "code": ("{options}seed: " + CODE + "\n", "refuse"),
    "a deep nest": ("{options}seed: " + "[" * 100_000, "refuse"),
    "a list": ("- 1\n", "refuse"),
    "nothing": ("", "refuse"),
    "a control character": ('{options}seed: "\\e[2J"\n', "refuse"),
    "escape sequences": ("{options}" + ESCAPE + ": 1\n", "refuse"),
    "a value that is an option": ("{options}seed: --resume\n", "refuse"),
    "two documents": ("{options}---\nseed: 1\n", "refuse"),
    "a long number": ("{options}seed: " + "9" * 10_000 + "\n", "refuse"),
    "CRLF and a byte order mark": ("\ufeff{options}", "work"),
    "comments and spaces": ("# options\n\n{options}\n# end", "work"),
}
"""What stands in the file, with the command's own options where it says so."""


def _options(scene: Scene) -> tuple[list[str], str]:
    """Return the words of a command without its options, and those as YAML."""
    first, *rest = words("finetune", scene.world)
    lines = [
        f"{name.removeprefix('--')}: {value}\n"
        for name, value in zip(rest[::2], rest[1::2], strict=True)
    ]
    return [first], "".join(lines)


def _file(text: str, expects: Expected, scene: Scene, given: Path) -> Trial:
    head, options = _options(scene)
    path = given / "settings.yaml"
    made = text.replace("{options}", options)
    if expects == "work" and text.startswith("\ufeff"):
        made = made.replace("\n", "\r\n")
    path.write_bytes(made.encode("utf-8", "surrogateescape"))
    return Trial([*head, "--config", str(path)], expects, "a file of options")


def _bytes(scene: Scene, given: Path) -> Trial:
    """A right file with a few wrong bytes."""
    head, options = _options(scene)
    path = given / "settings.yaml"
    path.write_bytes(change_bytes(options.encode(), scene.draw))
    return Trial([*head, "--config", str(path)], "any", "bytes of a file of options")


FAULTS: dict[str, Fault] = {
    **{
        f"options: {name}": Fault(partial(_file, *values), "finetune")
        for name, values in CHANGES.items()
    },
    "bytes of options": Fault(_bytes, "finetune"),
}
