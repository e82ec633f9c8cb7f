"""Which files in an output folder are simnpo's own: a list in the folder names them.

Nothing else is ever removed or replaced. A name is on the list before its file exists, so that a
kill at any point leaves no file of ours that the list lacks.
"""

import glob
import json
import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from simnpo.errors import UserError

LIST = ".simnpo.json"
LOCK = ".simnpo.lock"
READ = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".json", ".jsonl", ".parquet", ".jinja",
        ".model", ".py", "vocab.txt", "merges.txt", "README.md")  # fmt: skip
"""Endings of what models and evaluations are made of: a foreign file would be taken for theirs."""
_open: dict[str, set[str]] = {}
"""The lists of the folders that this process writes into, by their real paths."""
_one_thread = threading.RLock()
PARTIAL = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)-[0-9a-f]{8}\.partial")
"""Names of what is being written, see `partial_name`."""


def open_list(folder: Path) -> None:
    """Begin to write down what this process writes into `folder`, in addition to what is listed.

    Raises:
        UserError: the list cannot be read.
    """
    with _one_thread:
        _open[os.path.realpath(folder)] = _read(folder)


def prune_list(folder: Path) -> None:
    """Take off the list of an open folder what is not there, as a kill may have left it."""
    with _one_thread:
        names = _open[real := os.path.realpath(folder)]
        if gone := {name for name in names if not os.path.lexists(os.path.join(real, name))}:
            names -= gone
            _write(Path(real), names)


def close_list(folder: Path) -> None:
    """End it."""
    with _one_thread:
        _open.pop(os.path.realpath(folder), None)


def is_open(path: Path) -> bool:
    """Tell whether `path` is in a folder whose files this process writes down."""
    return _place(path) is not None


def claim(*paths: Path) -> None:
    """Write down that `paths` are about to be written; outside of open folders this does nothing.

    Raises:
        UserError: something is there that is not simnpo's.
    """
    with _one_thread:
        changed = set()
        for path in paths:
            if (place := _place(path)) is None:
                continue
            folder, name = place
            if name in _open[folder] and not _foreign_link(folder, name):
                continue
            if link := _foreign_link(folder, name):
                raise UserError(in_the_way(link))
            if os.path.lexists(path) and not is_own(path):
                raise UserError(in_the_way(path))
            _open[folder].add(name)
            changed.add(folder)
        for folder in changed:
            _write(Path(folder), _open[folder])


def disown(*paths: Path) -> None:
    """Take the names of files that are gone off every list that has them."""
    with _one_thread:
        gone: dict[Path, set[str]] = {}
        for path in map(_absolute, paths):
            for folder in path.parents:
                gone.setdefault(folder, set()).add(path.relative_to(folder).as_posix())
        for folder, names in gone.items():
            listed = _listed(folder)
            if listed & names:
                listed -= names
                _write(folder, listed)


def adopt(folder: Path, names: Sequence[str]) -> None:
    """Write down what a version of simnpo that kept no list has written, to go on with its run."""
    if (folder / LIST).exists() or not folder.is_dir():
        return
    files = [file for path in matching(folder, names) for file in files_in(path)]
    _write(folder, {file.relative_to(folder).as_posix() for file in files})
    if is_open(folder / LIST):
        open_list(folder)


def is_own(path: Path) -> bool:
    """Tell whether simnpo has written what is at `path`, by the lists in the folders around it."""
    path = _absolute(path)
    if path.name in (LIST, LOCK):
        return True
    for folder in path.parents:
        name = path.relative_to(folder).as_posix()
        if name in _listed(folder) and not _foreign_link(str(folder), name):
            return True
    return False


def listed_names(folder: Path) -> set[str]:
    """Return the names on the list in `folder`.

    Raises:
        UserError: it cannot be read.
    """
    return set(_listed(folder))


def own_among(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return what matches `names` in `folder` and is, or holds, something of simnpo's."""
    return [
        path
        for path in matching(folder, names)
        if any(is_own(file) and file.name != LOCK for file in files_in(path))
    ]


def foreign_among(folder: Path, names: Sequence[str]) -> Path | None:
    """Return something in `folder` that is not simnpo's and that what is written would replace.

    Of a folder's content those files count that a model or an evaluation may have.
    """
    for path in matching(folder, names):
        for file in files_in(path):
            if (file == path or file.name.endswith(READ)) and not is_own(file):
                return file
    return None


def remove_own(folder: Path, names: Sequence[str]) -> None:
    """Remove what simnpo has written among `names` in `folder`, and folders that become empty."""
    removed: list[Path] = []
    for path in matching(folder, names):
        own = [file for file in files_in(path) if is_own(file)]
        for file in sorted(own, key=lambda file: file.name == LIST):  # last: it names the others
            file.unlink(missing_ok=True)
            removed.append(file)
        if own and path.is_dir() and not path.is_symlink():
            _remove_empty(path)
    if removed:
        disown(*removed)


def matching(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return what matches patterns in `folder`, each once, in the order of the patterns."""
    found: dict[Path, None] = {}
    for name in names:
        if not glob.has_magic(name) and os.path.lexists(folder / name):
            found[folder / name] = None  # also a link that leads nowhere, which globbing leaves out
        else:
            found |= dict.fromkeys(sorted(folder.glob(name)))
    return list(found)


def files_in(path: Path) -> Iterator[Path]:
    """Yield `path` if it is a file or a link, else all files and links in it."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for inner in sorted(path.iterdir()):
        yield from files_in(inner)


def in_the_way(path: Path) -> str:
    """Say that a file that is not simnpo's is in the way."""
    return (
        f"{path} is in the way: no run of simnpo lists it as its own ({LIST}), so it is not "
        "replaced. Move it, or give another ``out``."
    )


def _remove_empty(folder: Path) -> None:
    for inner in folder.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            _remove_empty(inner)
    with suppress(OSError):  # a user's file is in it
        folder.rmdir()


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _place(path: Path) -> tuple[str, str] | None:
    """Return the innermost open folder around `path`, and the name of `path` in it.

    What is in a folder that is itself not yet whole has no place.
    """
    path = _absolute(path)
    if any(PARTIAL.fullmatch(parent.name) for parent in path.parents):
        return None
    for folder in path.parents if _open else ():
        if (real := os.path.realpath(folder)) in _open:
            return real, path.relative_to(folder).as_posix()
    return None


def _foreign_link(folder: str, name: str) -> Path | None:
    """Return a link on the way from `folder` to a name in it that simnpo has not made."""
    for number in range(1, len(parts := name.split("/"))):
        path = Path(folder, *parts[:number])
        if path.is_symlink() and not is_own(path):
            return path
    return None


def _listed(folder: Path) -> set[str]:
    return _open[real] if _open and (real := os.path.realpath(folder)) in _open else _read(folder)


def _read(folder: Path) -> set[str]:
    path = folder / LIST
    try:
        return set(map(str, json.loads(path.read_text(encoding="utf-8"))["files"]))
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}, the list of a run's files, cannot be read: {error}") from None


def _write(folder: Path, names: Iterable[str]) -> None:
    text = json.dumps({"files": sorted(names)}, indent=1) + "\n"
    temporary = folder / partial_name(LIST)
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(folder / LIST)
    finally:
        temporary.unlink(missing_ok=True)


def partial_name(name: str) -> str:
    """Return a name for `name` until it is whole; see `simnpo.storage.whole_folders`."""
    return f".{name}.{os.getpid()}-{secrets.token_hex(4)}.partial"
