"""What the parts of `make real` share: files by size and hash, folders that appear whole."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from simnpo.errors import UserError

MARKER = "source.json"
"""Written last: a folder without it is not complete."""


class Part(NamedTuple):
    """A file and what it must be."""

    name: str
    size: int
    sha256: str


def check(path: Path, expected: Part) -> None:
    """Compare a file's size and hash with what they must be.

    Raises:
        UserError: it is another file.
    """
    size = path.stat().st_size
    if size != expected.size:
        raise UserError(f"{path} has {size} bytes; {expected.name} has {expected.size}.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected.sha256:
        raise UserError(f"{path} has sha256 {found}; {expected.name} has {expected.sha256}.")


def is_made_of(folder: Path, source: Part) -> bool:
    """Return whether `folder` is complete and was made from `source`."""
    try:
        return bool(json.loads((folder / MARKER).read_text())["sha256"] == source.sha256)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def appearing(folder: Path, source: Mapping[str, str]) -> Iterator[Path]:
    """Give a folder to work in, whose `made` becomes `folder` if the block ends without an error.

    Args:
        folder: what is made; an incomplete one is replaced.
        source: the content of its marker.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed
    made = partial / "made"
    made.mkdir(parents=True)
    try:
        yield partial
        (made / MARKER).write_text(json.dumps(source, indent=2) + "\n")
        if folder.exists():
            folder.replace(partial / "old")
        made.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
