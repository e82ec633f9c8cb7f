"""Verdicts on what a command did under a fault."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from fault_injection.children import Outcome

VERDICTS = ("ok", "lost", "silently wrong", "traceback", "orphan", "hang", "verbose", "litter")
"""From the one that is wanted over the worst down to the mildest; litter is a file left over."""
LINES, CHARACTERS = 5, 2000
"""Of a message, at most."""
NOISE = re.compile(
    rb"^Exception ignored|^\s+File \"|\w+Warning: |it/s\]|^Fatal Python error|site-packages", re.M
)
RAW = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]")
"""Control characters, also in UTF-8, and those that turn the direction of a text."""
MESSAGE = b"simnpo: "
USAGE = 2
"""The exit code for an unknown option or value."""


class Finding(NamedTuple):
    """A fault of the product, or none."""

    verdict: str
    detail: str = ""


def worst(findings: Iterable[Finding]) -> Finding:
    """Return the worst of some findings; `ok` if there are none."""
    order = {name: number for number, name in enumerate(VERDICTS[1:])}
    return min(findings, key=lambda one: order[one.verdict], default=Finding("ok"))


def behaved(ended: Outcome, killed: bool = False) -> list[Finding]:
    """Judge how a command ended and what it said, whatever its result.

    Args:
        ended: the outcome.
        killed: whether it was ended by force, and so may say nothing.
    """
    found = []
    if ended.hung:
        found.append(Finding("hang", f"still running after {ended.seconds:.0f} s"))
    if ended.orphans:
        found.append(Finding("orphan", f"outlived by {'; '.join(ended.orphans)}"))
    for name, text in (("stdout", ended.stdout), ("stderr", ended.stderr)):
        if b"Traceback (most recent call last)" in text:
            found.append(Finding("traceback", last_line(text)))
        if raw := RAW.search(text):
            found.append(Finding("silently wrong", f"raw {raw.group()!r} on {name}"))
        if noise := NOISE.search(text):
            line = text[text.rfind(b"\n", 0, noise.start()) + 1 :].split(b"\n")[0]
            found.append(Finding("verbose", f"{name}: {shown(line)}"))
    if ended.hung or killed:
        return found
    if ended.code < 0 and -ended.code not in (1, 2, 15):
        found.append(Finding("traceback", f"ended by signal {-ended.code}"))
    if ended.code > 0 and ended.code != USAGE:
        found += message_findings(ended)
    return found


def message_findings(ended: Outcome) -> list[Finding]:
    """Judge the message of a command that failed."""
    place = ended.stderr.rfind(MESSAGE)
    if place < 0:
        said = shown(ended.stderr.strip().split(b"\n")[-1])
        if b"Traceback" in ended.stderr:
            return []
        return [Finding("silently wrong", f"exit code {ended.code} without a message: {said}")]
    text = ended.stderr[place:].strip()
    lines = len(text.split(b"\n"))
    if lines > LINES or len(text) > CHARACTERS:
        return [Finding("verbose", f"a message of {lines} lines, {len(text)} bytes: {shown(text)}")]
    return []


def last_line(text: bytes) -> str:
    """Return the last line of the first traceback in a text, and where it came from."""
    lines = text[text.index(b"Traceback") :].decode(errors="replace").split("\n")
    places = [one.strip() for one in lines if one.startswith("  File ") and "simnpo" in one]
    for line in lines[1:]:
        if line and not line.startswith((" ", "Traceback")):
            place = re.sub(r'File ".*/src/', "", places[-1]) if places else ""
            return f"{line[:160]} [{place}]"
    return "cut short"


def shown(data: bytes) -> str:
    """Return some bytes as a short text without control characters."""
    return data[:200].decode(errors="replace").encode("unicode_escape").decode()


class Plants(NamedTuple):
    """Files of the user's that no command may touch."""

    folder: Path
    files: tuple[str, ...]

    def plant(self) -> None:
        """Write them."""
        for name in self.files:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"mine: {name}\n")

    def lost(self) -> list[Finding]:
        """Return which are gone or changed."""
        return [
            Finding("lost", f"the user's {name} is gone or changed")
            for name in self.files
            if not (self.folder / name).is_file()
            or (self.folder / name).read_text() != f"mine: {name}\n"
        ]
