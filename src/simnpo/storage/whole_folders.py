"""Folders whose files appear together or not at all, and what killed processes leave of them."""

import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simnpo.storage.ownership import (
    LIST,
    LOCK,
    PARTIAL,
    claim,
    disown,
    files_in,
    is_open,
    is_own,
    listed_names,
    partial_name,
    remove_own,
)

_in_use: set[Path] = set()


@contextmanager
def partial_folder(near: Path) -> Iterator[Path]:
    """Yield an empty folder next to `near`, which is gone after the block.

    Those that killed processes have left for the same `near` are removed first.
    """
    near.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(near)
    folder = near.with_name(partial_name(near.name))
    claim(folder)  # so that it is known for ours, whatever becomes of `near`
    _in_use.add(folder)
    try:
        folder.mkdir()
        yield folder
    finally:
        _remove(folder)
        _in_use.discard(folder)


def remove_abandoned(near: Path) -> None:
    """Remove what killed processes have left half-written of what becomes `near`."""
    for path in _partials(near.parent):
        if path.name.startswith(f".{near.name}.") and _is_abandoned(path):
            _remove(path)


@contextmanager
def whole_folder(folder: Path, last: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield an empty folder next to `folder`, whose files go there only if the block succeeds.

    Where `folder` is there already, files of simnpo's that the new ones do not replace are removed,
    and others stay.

    Args:
        folder: where to.
        last: names of files that mean a complete folder: removed first, put there last.

    Raises:
        UserError: in a run's folder a file is in the way that is not simnpo's.
    """
    with partial_folder(folder) as made:
        yield made
        publish(made, folder, last)


def publish(made: Path, folder: Path, last: tuple[str, ...] = ()) -> None:
    """Put the files of `made` into `folder`, see `whole_folder`.

    Raises:
        UserError: see `whole_folder`.
    """
    files = [file.relative_to(made) for file in files_in(made)]
    claim(*(folder / file for file in files))
    with suppress(OSError):
        folder.rmdir()  # an empty one
    if not os.path.lexists(folder):
        made.replace(folder)
        return
    remove_own(folder, last)
    if is_open(folder):
        stale = [file.relative_to(folder) for file in files_in(folder) if is_own(file)]
        kept = {*files, Path(LIST), Path(LOCK)}
        remove_own(folder, [glob.escape(str(file)) for file in stale if file not in kept])
    claim(*(folder / file for file in files))  # again: what was removed has left the list
    for file in sorted(files, key=lambda file: str(file) in last):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (made / file).replace(folder / file)


def link_folder(link: Path, target: str) -> None:
    """Let `link` lead to the folder `target` next to it; a copy where links are not allowed.

    What an earlier call made there is replaced.

    Raises:
        UserError: in a run's folder something is there that is not simnpo's.
    """
    if link.is_symlink():
        claim(link)
    with partial_folder(link) as made:
        try:
            (made / "link").symlink_to(target, target_is_directory=True)
        except OSError:  # Windows, without developer mode; some file systems
            shutil.copytree(link.parent / target, made, dirs_exist_ok=True)
            if link.is_symlink():
                link.unlink()
            publish(made, link)
        else:
            remove_own(link.parent, [glob.escape(link.name)])  # a copy of before
            claim(link)
            (made / "link").replace(link)


def sweep_up(folder: Path) -> None:
    """Remove what killed processes left half-written in `folder`, which nobody else writes into.

    Only what has the name that simnpo gives to what it is writing, of a file on the folder's list.
    """
    names = listed_names(folder)
    for place in sorted({(folder / name).parent for name in (LIST, *names)}):
        if place != folder and (place / LOCK).exists():
            continue  # an own command's, which may be alive
        for path in _partials(place):
            name = path.relative_to(folder).as_posix()
            becomes = path.with_name(_parts(path)["name"]).relative_to(folder).as_posix()
            if becomes in (*names, LIST) or name in names:
                _remove(path)


def _partials(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if PARTIAL.fullmatch(path.name)]


def _parts(partial: Path) -> re.Match[str]:
    found = PARTIAL.fullmatch(partial.name)
    assert found
    return found


def _is_abandoned(path: Path) -> bool:
    import psutil

    pid = int(_parts(path)["pid"])
    return path not in _in_use if pid == os.getpid() else not psutil.pid_exists(pid)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    disown(path)
