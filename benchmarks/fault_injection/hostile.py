"""Commands with hostile input: refused in a few lines, or taken for what it is."""

import math
import resource
import struct
from pathlib import Path

from fault_injection import (
    children,
    hostile_config,
    hostile_data,
    hostile_models,
    hostile_records,
    trees,
)
from fault_injection.children import Setting
from fault_injection.interruptions import Scene, compared
from fault_injection.judging import Finding, Plants, behaved
from fault_injection.mutations import ESCAPE
from fault_injection.recipes import RECIPES, setting
from fault_injection.trial import MARK, Fault

MEMORY = 6 << 30
"""Bytes of addresses that a command has: what would take more must not take the machine with it."""
SCRIPT = b"<script>alert(1)"
FAULTS: dict[str, Fault] = (
    hostile_data.FAULTS | hostile_models.FAULTS | hostile_records.FAULTS | hostile_config.FAULTS
)


def execute(scene: Scene, fault: str) -> list[Finding]:
    """Make the input, give the command, and judge what it made of it."""
    given = scene.folder / "given"
    given.mkdir()
    trial = FAULTS[fault].make(scene, given)
    plants = Plants(scene.room, ("NOTES.md",))
    plants.plant()
    before = {name: one for name, one in _hashes(given).items()}
    around = setting(scene.folder, Setting({MARK: str(scene.folder / "mark")}, prepare=_limited))
    notes = scene.folder / "notes"
    ended = children.run(trial.words, scene.room, notes, around, scene.limit)
    found = behaved(ended) + plants.lost()
    if _hashes(given) != before and not trial.changes_input:
        found.append(Finding("lost", "the input was changed"))
    if (scene.folder / "mark").exists():
        found.append(Finding("silently wrong", "code that came with the input was run"))
    found += _unsafe(scene.room)
    out = scene.room / RECIPES[scene.recipe].out
    if ended.code == 0 and trial.expects == "refuse":
        found.append(Finding("silently wrong", f"accepted: {trial.what}"))
    if ended.code != 0 and trial.expects == "work":
        said = ended.stderr.strip().split(b"\n")[-1].decode(errors="replace")
        found.append(Finding("lost", f"refused, and is right: {trial.what}: {said[:150]}"))
    if ended.code == 0 and trial.expects in ("same", "work"):
        found += compared(scene, plants)
    if ended.code == 0 and out.is_dir():
        found += _not_finite(out)
    elif trees.finished(out) and not trial.changes_input:
        found.append(Finding("silently wrong", f"exit code {ended.code}, and taken for finished"))
    return [one._replace(detail=f"{one.detail} [{trial.what}]") for one in found]


def _limited() -> None:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path): trees.digest(path.read_bytes())
        for path in trees.walk(folder)
        if path.is_file() and not path.is_symlink()
    }


def _unsafe(folder: Path) -> list[Finding]:
    """Look for scripts and control characters that reached a page or a figure."""
    found = []
    for path in trees.walk(folder):
        if path.suffix in (".html", ".svg") and path.is_file():
            data = path.read_bytes()
            if SCRIPT in data or ESCAPE[:1].encode() in data:
                found.append(Finding("silently wrong", f"a script or control reached {path.name}"))
    return found


def _not_finite(out: Path) -> list[Finding]:
    """Look for weights that are not numbers in a model that was made."""
    for path in trees.walk(out):
        if path.name == "model.safetensors" and path.is_file():
            data = path.read_bytes()
            (size,) = struct.unpack("<Q", data[:8])
            values = memoryview(data[8 + size :])
            count = len(values) // 4
            if not all(map(math.isfinite, struct.unpack(f"<{count}f", values[: 4 * count]))):
                return [Finding("silently wrong", "a model of weights that are NaN or infinite")]
    return []
