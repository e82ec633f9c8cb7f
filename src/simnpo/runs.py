"""An output folder: who may write into it, and what a run records of itself."""

import hashlib
import json
import platform
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simnpo.errors import UserError
from simnpo.files import read_json, write_json

RUN = "run.json"
RUNNING, FINISHED = "running", "finished"


def check_free(
    out: Path, names: Sequence[str], overwrite: bool, inputs: Iterable[str | Path | None] = ()
) -> None:
    """Make sure that `clear` may clear `out`; nothing is removed yet.

    Args:
        out: the output folder.
        names: patterns of what a command writes there, the most telling first.
        overwrite: whether results of an earlier run may be removed.
        inputs: files and folders that the command reads.

    Raises:
        UserError: `out` is a file, or holds results that may not be removed, or that the command
            reads.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; give a folder.")
    found = _found(out, names)
    if found and not overwrite:
        raise UserError(
            f"{out} already holds results ({found[0].name}): replace them with --overwrite, "
            "continue an unfinished run with --resume, or give another --out."
        )
    for given in inputs:
        read = Path(given).resolve() if given else None
        if read and any(read.is_relative_to(path.resolve()) for path in found):
            raise UserError(
                f"--overwrite would remove {given}, which this command reads; give another --out."
            )


def clear(out: Path, names: Sequence[str]) -> None:
    """Make `out` and remove what matches `names` in it; anything else is left alone."""
    for path in _found(out, names):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    out.mkdir(parents=True, exist_ok=True)


def _found(out: Path, names: Sequence[str]) -> list[Path]:
    return list(dict.fromkeys(path for name in names for path in sorted(out.glob(name))))


def begin(out: Path, command: str, config: dict[str, Any], data: dict[str, Any]) -> None:
    """Record what a run is about to do."""
    record = {
        "command": command,
        "config": config,
        "data": data,
        "status": RUNNING,
        "argv": sys.argv[1:],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }
    write_json(out / RUN, record)


def finish(out: Path, results: dict[str, Any]) -> None:
    """Record how a run ended."""
    write_json(out / RUN, read_run(out) | {"status": FINISHED} | results)


def add(out: Path, results: dict[str, Any]) -> None:
    """Record more of a run that has ended."""
    write_json(out / RUN, read_run(out) | results)


def read_run(folder: Path) -> dict[str, Any]:
    """Return what `run.json` in `folder` records.

    Raises:
        UserError: it is missing, no JSON, or not a run's record.
    """
    record = read_json(folder / RUN)
    kinds = {"command": str, "config": dict, "data": dict, "status": str}
    if not isinstance(record, dict) or any(
        not isinstance(record.get(key), kind) for key, kind in kinds.items()
    ):
        raise UserError(f"{folder / RUN} is no record of a run of simnpo.")
    return record


def check_resumable(out: Path, command: str, config: dict[str, Any], data: dict[str, Any]) -> bool:
    """Return whether there is anything left to do in `out`.

    Raises:
        UserError: no run is there, or one with other settings or data (each difference named).
    """
    if not (out / RUN).is_file():
        raise UserError(f"--resume: {out} holds no run; leave --resume out to start one.")
    record = read_run(out)
    before = {"command": record["command"], **record["config"], **record["data"]}
    now = {"command": command, **config, **data}
    changed = [
        f"{key} was {before.get(key)!r} and is {now.get(key)!r}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise UserError(f"--resume: {out} was started otherwise: {'; '.join(changed)}.")
    return bool(record["status"] != FINISHED)


_version = cache(version)
"""A package's version; each look parses the package's whole description."""


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    packages = ("simnpo", "torch", "transformers", "accelerate", "peft", "rouge-score", "scipy")
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


def fingerprint(values: Sequence[Any]) -> str:
    """Return a short content hash of JSON-like values, such as a data set's examples."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
