"""Two versions of the code must give the same results: weights, scores and metrics, to the bit.

    python benchmarks/same_results.py BEFORE AFTER FOLDER [COMMAND ...]

BEFORE and AFTER are checkouts. Each types the same commands on the embedded benchmarks at one
seed, on one thread, in FOLDER/before and FOLDER/after, with caches of their own; what is finished
there is not done again. Without names all commands run (about half an hour); the exit code is the
number of results that differ or are missing.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

Result = dict[str, str]
"""What a command left: a fingerprint by the name of the result."""


class Command(NamedTuple):
    """What is typed, and the files in --out that are its results."""

    words: str
    patterns: tuple[str, ...]
    needs: str | None = None
    """The command whose --out it reads, as `{needs}` in its words."""


COMMANDS = {
    "demo": Command(
        "demo --split forget01 --methods ga idk npo simnpo --evaluate-epochs 5",
        ("*/model/model.safetensors", "*/evaluation/*", "*/history.jsonl"),
    ),
    "reproduce": Command("reproduce fig4 --seeds 1 --workers 1", ("tables/*.csv",)),
    "relearn": Command(
        "attack relearn --model {needs}/npo {needs}/simnpo --retrain {needs}/retrain --seeds 1 "
        "--benchmark mini-tofu --split forget01",
        ("relearn.parquet",),
        "demo",
    ),
    "quantize": Command(
        "attack quantize --model {needs}/npo {needs}/simnpo --retrain {needs}/retrain "
        "--benchmark mini-tofu --split forget01",
        ("quantize.parquet", "runs/**/scores.parquet"),
        "demo",
    ),
    "sweep": Command(
        "sweep --benchmark mini-tofu --split forget01 --over beta=1.5,2.5 --workers 1",
        ("sweep.csv",),
    ),
    "sequence": Command(
        "unlearn --model {needs}/original --benchmark mini-tofu --split forget01 --sequential",
        ("stage-*/model/model.safetensors", "stage-*/evaluation/summary.json"),
        "demo",
    ),
    "markov": Command("markov --panel short --seeds 1", ("*.parquet",)),
}


def main() -> int:
    """Run the commands in both checkouts; print and count the results that differ."""
    before, after, folder = map(Path, sys.argv[1:4])
    differing = 0
    for name in sys.argv[4:] or COMMANDS:
        found = [
            results(name, checkout.resolve(), folder.resolve() / side)
            for checkout, side in ((before, "before"), (after, "after"))
        ]
        names = sorted({*found[0], *found[1]})
        wrong = [one for one in names if found[0].get(one) != found[1].get(one)]
        differing += len(wrong) + (not names)
        print(f"{name}: {len(names) - len(wrong)} of {len(names)} results are the same", flush=True)
        for one in wrong:
            where = [
                side for side, has in zip(("before", "after"), found, strict=True) if one in has
            ]
            print(f"  {one}: {'differs' if len(where) == 2 else f'only {where[0]}'}", flush=True)
    return differing


def results(name: str, checkout: Path, folder: Path) -> Result:
    """Type a command unless that is done, and return what it left."""
    command, out = COMMANDS[name], folder / name
    done = folder / f".{name}.done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        words = command.words.format(needs=command.needs).split()
        log = folder / f"{name}.log"
        with log.open("w") as stream:
            subprocess.run(
                [sys.executable, "-m", "simnpo", *words, "--out", name],
                cwd=folder,
                env={
                    **os.environ,
                    "PYTHONPATH": str(checkout / "src"),
                    "SIMNPO_CACHE": str(folder / "cache"),
                    "OMP_NUM_THREADS": "1",
                    "HF_HUB_OFFLINE": "1",
                },
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=True,
            )
        done.touch()
    files = {path for pattern in command.patterns for path in out.glob(pattern) if path.is_file()}
    return {
        str(path.relative_to(out)): fingerprint(path)
        for path in sorted(files)
        if path.suffix in _FINGERPRINTS
    }


def fingerprint(path: Path) -> str:
    """Return a hash of a file's results, without times and places."""
    return hashlib.sha256(_FINGERPRINTS[path.suffix](path)).hexdigest()


def _table(path: Path) -> bytes:
    return pd.read_parquet(path).to_csv(index=False).encode()


def _summary(path: Path) -> bytes:
    if path.name != "summary.json":
        return b""
    return json.dumps(json.loads(path.read_text())["metrics"], sort_keys=True).encode()


def _history(path: Path) -> bytes:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [{key: row[key] for key in sorted(row) if "seconds" not in key} for row in rows]
    return json.dumps(kept).encode()


_FINGERPRINTS: dict[str, Callable[[Path], bytes]] = {
    ".parquet": _table,
    ".json": _summary,
    ".jsonl": _history,
    ".csv": Path.read_bytes,
    ".safetensors": Path.read_bytes,
}


if __name__ == "__main__":
    sys.exit(main())
