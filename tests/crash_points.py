"""Kills of a command at chosen points, in a forked child: before the n-th change of a file.

Every change that Python makes to files below a folder counts: opening to write, renaming, removing,
making a folder. What a child was about to do at that point has not happened.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

KILLED = 77
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
TIMES = {"seconds", "started", "argv", "resumed_from", "peak_memory_mib", "train_runtime", "date",
         "train_samples_per_second", "train_steps_per_second", "ended"}  # fmt: skip
"""What a resumed run may have otherwise: times, and that it was resumed."""


def run_forked(
    arguments: Sequence[Any], below: Path, kill_at: int | None = None
) -> tuple[int, int]:
    """Run `simnpo` in a child that dies before change number `kill_at` below a folder.

    Returns:
        Its exit code, and how many changes there were.
    """
    from simnpo.cli.main import main

    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            counted = pipe.read()
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), int(counted or -1)
    code = 70
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        log = os.open(below.parent / "crash.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 2)
        for stream, number in (("stdout", 1), ("stderr", 2)):
            setattr(sys, stream, os.fdopen(number, "w", closefd=False))
        count = 0

        def watch(event: str, details: tuple[Any, ...]) -> None:
            nonlocal count
            if event == "open":
                counts = isinstance(details[2], int) and bool(details[2] & WRITES)
            else:
                counts = event in CHANGES
            if not counts or not _is_below(details, below):
                return
            if count == kill_at:
                os.write(2, f"KILL {kill_at} {event} {details[:2]}\n".encode())
                os._exit(KILLED)
            count += 1

        sys.addaudithook(watch)
        code = main([str(argument) for argument in arguments])
        os.write(writing, str(count).encode())
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _is_below(details: tuple[Any, ...], folder: Path) -> bool:
    paths = [os.fsdecode(one) for one in details if isinstance(one, str | bytes | os.PathLike)]
    return any(Path(os.path.abspath(path)).is_relative_to(folder) for path in paths)


def contents(folder: Path) -> dict[str, Any]:
    """Return all files below `folder` by name, times taken out of those that have some."""
    return {
        path.relative_to(folder).as_posix(): _content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() or path.is_symlink()
    }


def _content(path: Path) -> Any:
    if path.suffix in (".json", ".jsonl"):
        texts = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        return [_timeless(json.loads(text)) for text in texts]
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv()
    if path.suffix == ".html":
        return re.sub(r"[\d.]+ s\b|--resume|\d{4}-\d\d-\d\d", "", path.read_text())
    return path.read_bytes()


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in TIMES}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name the files that differ, are missing, or are there in addition."""
    return [name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)]
