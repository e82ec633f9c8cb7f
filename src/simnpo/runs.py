"""An output folder: who may write into it, and what a run records of itself."""

import hashlib
import json
import platform
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simnpo.errors import UserError
from simnpo.files import read_json, write_json

RUN = "run.json"
RUNNING, FINISHED = "running", "finished"


def claim(out: Path, names: Iterable[str], overwrite: bool) -> None:
    """Make sure that nothing of an earlier run stands in `out` where this one will write.

    Args:
        out: the output folder; it is made if it is not there.
        names: patterns of what this command writes; anything else in the folder is left alone.
        overwrite: whether to remove what matches them.

    Raises:
        UserError: `out` is a file, or holds such results and `overwrite` is False.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; give a folder.")
    found = sorted(path for name in names for path in out.glob(name))
    if found and not overwrite:
        raise UserError(
            f"{out} already holds a run ({found[0].name}): continue it with --resume, replace it "
            "with --overwrite, or give another --out."
        )
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    out.mkdir(parents=True, exist_ok=True)


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
    write_json(out / RUN, read_json(out / RUN) | {"status": FINISHED} | results)


def check_resumable(out: Path, command: str, config: dict[str, Any], data: dict[str, Any]) -> bool:
    """Return whether there is anything left to do in `out`.

    Raises:
        UserError: no run is there, or one with other settings or data (each difference named).
    """
    if not (out / RUN).is_file():
        raise UserError(f"--resume: {out} holds no run; leave --resume out to start one.")
    record = read_json(out / RUN)
    before = {"command": record.get("command"), **record.get("config", {}), **record["data"]}
    now = {"command": command, **config, **data}
    changed = [
        f"{key} was {before.get(key)!r} and is {now.get(key)!r}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise UserError(f"--resume: {out} was started otherwise: {'; '.join(changed)}.")
    return bool(record["status"] != FINISHED)


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    packages = ("simnpo", "torch", "transformers", "accelerate", "peft", "rouge-score", "scipy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def fingerprint(values: Sequence[Any]) -> str:
    """Return a short content hash of JSON-like values, such as a data set's examples."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
