"""An output folder: who may write into it, and what a run records of itself."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from simnpo.errors import UserError
from simnpo.storage.files import read_json, write_json
from simnpo.storage.folder_lock import check_unused, hold
from simnpo.storage.json_values import JsonObject
from simnpo.storage.ownership import adopt, foreign_among, in_the_way, own_among, remove_own
from simnpo.system.command_words import command_words

RUN = "run.json"
RUNNING, FINISHED = "running", "finished"


def check_free(
    out: Path, names: Sequence[str], overwrite: bool, inputs: Iterable[str | Path | None] = ()
) -> None:
    """Make sure that `out` may be written into, by this process alone; nothing is removed yet.

    Args:
        out: the output folder.
        names: patterns of what a command writes there, the most telling first.
        overwrite: whether results of an earlier run may be removed.
        inputs: files and folders that the command reads.

    Raises:
        UserError: `out` is a file, another process works in it, it holds results that may not be
            removed or that the command reads, or something that is not simnpo's is in the way.
    """
    check_room(out, names)
    found = own_among(out, names)
    if found and not overwrite:
        raise UserError(
            f"{out} already holds results ({found[0].name}): replace them with ``overwrite``, "
            "continue an unfinished run with ``resume``, or give another ``out``."
        )
    for given in inputs:
        read = Path(given).resolve() if given else None
        if read and any(read.is_relative_to(path.resolve()) for path in found):
            raise UserError(
                f"``overwrite`` would remove {given}, which this command reads; give another "
                "``out``."
            )


def check_room(out: Path, names: Sequence[str], adopts: bool = False) -> None:
    """Make sure that `names` may be written in `out`, or written again, by this process alone.

    Args:
        out: the output folder.
        names: patterns of what a command writes there.
        adopts: whether a run is there, perhaps of a version that kept no list of its files.

    Raises:
        UserError: `out` is a file, another process works in it, or something that is not simnpo's
            is in the way.
    """
    take(out)
    check_unused(out, names)
    if adopts:
        adopt(out, names)
    if foreign := foreign_among(out, names):
        raise UserError(in_the_way(foreign))


def take(out: Path) -> None:
    """Keep other processes out of `out` until the command ends.

    Raises:
        UserError: it is a file, or another process is there.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"``out`` {out} is a file; give a folder.")
    hold(out)


def clear(out: Path, names: Sequence[str]) -> None:
    """Make `out` and remove what simnpo wrote in it among `names`; all else is left alone."""
    remove_own(out, names)
    out.mkdir(parents=True, exist_ok=True)


def begin(
    out: Path, command: str, config: Mapping[str, object], data: Mapping[str, object]
) -> None:
    """Record what a run is about to do."""
    record = {
        "command": command,
        "config": config,
        "data": data,
        "status": RUNNING,
        "argv": command_words(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }
    write_json(out / RUN, record)


def finish(out: Path, results: dict[str, object]) -> None:
    """Record how a run ended."""
    write_json(out / RUN, read_run(out) | {"status": FINISHED} | results)


def add(out: Path, results: dict[str, object]) -> None:
    """Record more of a run that has ended."""
    write_json(out / RUN, read_run(out) | results)


def read_run(folder: Path) -> JsonObject:
    """Return what `run.json` in `folder` records.

    Raises:
        UserError: it is missing, no JSON, or not a run's record.
    """
    record = read_json(folder / RUN)
    kinds = {"command": str, "config": dict, "data": dict, "status": str}
    if not isinstance(record, dict) or any(
        not isinstance(record.get(key), kind) for key, kind in kinds.items()
    ):
        raise UserError(f"{folder / RUN} is not a record of a run of simnpo.")
    return record


def check_resumable(
    out: Path, command: str, config: Mapping[str, object], data: Mapping[str, object]
) -> bool:
    """Return whether there is anything left to do in `out`, which other processes keep out of.

    Raises:
        UserError: no run is there, or one with other settings or data (each difference named), or
            another process works on it.
    """
    if not (out / RUN).is_file():
        raise UserError(f"``resume``: {out} holds no run; leave ``resume`` out to start one.")
    record = read_run(out)
    before = {"command": record["command"], **record["config"], **record["data"]}
    now = {"command": command, **config, **data}
    changed = [
        f"{key} was {before.get(key)!r} and is {now.get(key)!r}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise UserError(f"``resume``: {out} was started otherwise: {'; '.join(changed)}.")
    return bool(record["status"] != FINISHED)


_version = cache(version)
"""A package's version; each look parses the package's whole description."""


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    packages = ("simnpo", "torch", "transformers", "accelerate", "peft", "rouge-score", "scipy")
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


def fingerprint(values: Sequence[object]) -> str:
    """Return a short content hash of JSON-like values, such as a data set's examples."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
