"""docs/own-data.md with the real model: each command is typed, its transcript kept and checked.

    python benchmarks/walk_own_data.py FOLDER [PART ...]

FOLDER keeps data and models; parts that are finished there are skipped. Transcripts go to
docs/results/own_data/. Without names all parts run, about an hour on two idle cores.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import fetch_model

from simnpo.models.precision import fast_bf16

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results" / "own_data"
PROGRESS = re.compile(r"\d+ s left|^(Loading|Writing|Generating|Scoring)")
MODEL = "SmolLM2-135M-Instruct"
TAUGHT = "--epochs 12 --learning-rate 2e-4 --batch-size 16 --checkpoint-epochs 0"
SETS = "--forget records/forget.jsonl --retain records/retain.jsonl"
OLD = "--learning-rate 1e-5 --forget-weight 0.1375 --epochs 10 --batch-size 32"

PRECISION = "mixed" if fast_bf16() else "fp32"


class Part(NamedTuple):
    """Commands, and what must be true of what they leave."""

    commands: tuple[str, ...]
    check: Callable[[Path], bool]


def verdict(folder: Path, name: str = "out") -> str:
    """Return the kind of verdict of a run."""
    found: str = json.loads((folder / name / "run.json").read_text())["verdict"]["kind"]
    return found


def _forgotten(name: str) -> Callable[[Path], bool]:
    return lambda folder: verdict(folder, name) == "forgotten"


PARTS = {
    "teach": Part(
        (
            "simnpo example records --out records",
            f"simnpo generate --model {MODEL} --questions records/everyday.jsonl --column answer "
            f"--max-new-tokens 48 --precision {PRECISION} --out records/everyday-answers.jsonl",
            f"simnpo finetune --model {MODEL} --data records/full.jsonl "
            f"records/everyday-answers.jsonl {TAUGHT} --out taught",
        ),
        lambda folder: (folder / "taught" / "model").is_dir(),
    ),
    "unlearn": Part((f"simnpo unlearn --model taught {SETS} --out out",), _forgotten("out")),
    "evaluate": Part(
        (f"simnpo evaluate --model out {SETS} --holdout records/holdout.jsonl --out again",),
        lambda folder: (
            json.loads((folder / "again" / "summary.json").read_text())["verdict"]["kind"]
            == verdict(folder)
        ),
    ),
    "old": Part(
        (f"simnpo unlearn --model taught {SETS} {OLD} --out old",),
        lambda folder: verdict(folder, "old") == "not forgotten",
    ),
    "idk": Part(
        (f"simnpo unlearn --model taught --method idk {SETS} --out idk",),
        lambda folder: verdict(folder, "idk") == "hidden",
    ),
    "npo": Part(
        (f"simnpo unlearn --model taught --method npo {SETS} --out npo",), _forgotten("npo")
    ),
    "lora": Part(
        (f"simnpo unlearn --model taught --lora-rank 16 {SETS} --out lora",), _forgotten("lora")
    ),
    "requests": Part(
        (
            "simnpo unlearn --model taught --requests records/forget-a.jsonl "
            "records/forget-b.jsonl --retain records/retain.jsonl --out requests",
        ),
        lambda folder: (folder / "requests" / "report.html").is_file(),
    ),
    "story": Part(
        (
            "simnpo example story --out story",
            f"simnpo finetune --model {MODEL} --data story/full.jsonl "
            "records/everyday-answers.jsonl --epochs 30 --learning-rate 2e-4 --batch-size 16 "
            "--max-length 128 --checkpoint-epochs 0 --out storyteller",
            "simnpo unlearn --model storyteller --forget story/forget.txt --retain "
            "story/retain.jsonl --max-length 128 --out story-out",
        ),
        _forgotten("story-out"),
    ),
}


def main() -> int:
    """Run the parts that are named, or all; return how many did not end as they should."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / MODEL
    if not model.exists():
        model.symlink_to(fetch_model.MODEL.folder, target_is_directory=True)
    failed = 0
    for name in sys.argv[2:] or PARTS:
        failed += not run(name, PARTS[name], folder)
    return failed


def run(name: str, part: Part, folder: Path) -> bool:
    """Type a part's commands and keep their transcript, unless that is there already."""
    path = RESULTS / f"{name}.txt"
    done = folder / f".{name}.done"
    if not done.exists():
        if name == "requests":
            _halve(folder / "records")
        transcript = []
        for command in part.commands:
            began = time.monotonic()
            words = [str(Path(sys.executable).with_name("simnpo")), *shlex.split(command)[1:]]
            ended = subprocess.run(
                words,
                cwd=folder,
                capture_output=True,
                text=True,
                env={**os.environ, "HF_HUB_OFFLINE": "1"},
                check=False,
            )
            lines = (ended.stdout + ended.stderr).splitlines()
            kept = [line for line in lines if line.strip() and not PROGRESS.search(line)]
            transcript += [f"$ {command}", *(kept if ended.returncode else _plain(ended.stdout))]
            transcript.append(f"({time.monotonic() - began:.0f} s)")
            if ended.returncode:
                print("\n".join(transcript))
                return False
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(transcript) + "\n", encoding="utf-8")
        done.touch()
    ended_well = part.check(folder)
    print(
        f"{name}: {'as it should' if ended_well else 'NOT AS IT SHOULD'} ({path.name})", flush=True
    )
    return ended_well


def _plain(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if not PROGRESS.search(line)]


def _halve(records: Path) -> None:
    """Write the forget set as two requests."""
    lines = (records / "forget.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for name, part in (("a", lines[::2]), ("b", lines[1::2])):
        (records / f"forget-{name}.jsonl").write_text("".join(part), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
