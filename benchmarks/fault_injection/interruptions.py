"""Commands that are cut short: by a kill, a crash, a signal or a full disk; then they go on."""

import contextlib
import errno
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fault_injection import children, trees
from fault_injection.children import Outcome, Setting
from fault_injection.interpose import DiskFault
from fault_injection.judging import Finding, Plants, behaved
from fault_injection.recipes import RECIPES, Undisturbed, go_on, setting, words
from fault_injection.world import World

BESIDE = ("NOTES.md", "keep/mine.bin")
INSIDE = ("model/NOTES.md", "checkpoint-keep/mine.bin", "evaluation/NOTES.md")
SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}


class Scene(NamedTuple):
    """A case's place: a recipe's undisturbed result, a folder, and a source of chance."""

    world: World
    recipe: str
    expected: Undisturbed
    folder: Path
    draw: random.Random

    @property
    def room(self) -> Path:
        """The folder in which commands are given."""
        return self.folder / "room"

    @property
    def limit(self) -> float:
        """Seconds after which a command hangs."""
        return max(20.0, 12 * self.expected.seconds)


def interrupt(scene: Scene, fault: str) -> list[Finding]:
    """Cut a command short, look at what stands, go on, and compare with the undisturbed result.

    Every fourth command replaces finished results, with the user's files among them.
    """
    recipe = RECIPES[scene.recipe]
    out = scene.room / recipe.out
    replaces = scene.draw.random() < 0.25 and recipe.out == "out"
    plants = Plants(out if recipe.out == "out" else scene.room, BESIDE)
    more: tuple[str, ...] = ()
    if replaces:
        children.run(
            words(scene.recipe, scene.world), scene.room, scene.folder / "before",
            setting(scene.folder), scene.limit,
        )  # fmt: skip
        plants, more = plants._replace(files=BESIDE + INSIDE), ("--overwrite",)
        if scene.recipe == "sweep":
            more = ()
    plants.plant()
    found = []
    for _ in range(2 if scene.draw.random() < 0.2 else 1):
        ended = cut_short(scene, fault, more)
        found += behaved(ended, fault in ("kill", "die", "tear"))
        found += plants.lost() + half_written(scene, plants)
        more = ("--resume",) if recipe.resumes and (out / "run.json").exists() else more
    ends = go_on(scene.recipe, scene.world, scene.room, scene.folder / "notes", scene.limit)
    for ended in ends:
        found += behaved(ended)
    if b"is there already" in ends[-1].stderr and not compared(scene, plants):
        return found + plants.lost()  # it had made the new folder that it makes
    if ends[-1].code:
        said = ends[-1].stderr.strip().split(b"\n")[-1].decode(errors="replace")
        found.append(Finding("lost", f"does not go on: {said[:200]}"))
    else:
        found += compared(scene, plants)
    return found + plants.lost()


def compared(scene: Scene, plants: Plants) -> list[Finding]:
    """Compare what stands with the undisturbed result; the user's own files are not part of it."""
    mine = {str((plants.folder / name).relative_to(scene.room)) for name in plants.files}
    tree = {name: one for name, one in trees.snapshot(scene.room).items() if name not in mine}
    lines = trees.differences(scene.expected.tree, tree)
    litter = [line for line in lines if line.endswith("left over")]
    wrong = [line for line in lines if line not in litter]
    found = [Finding("silently wrong", "; ".join(wrong)[:400])] if wrong else []
    return found + ([Finding("litter", "; ".join(litter)[:400])] if litter else [])


def half_written(scene: Scene, plants: Plants) -> list[Finding]:
    """Look for files that can be taken for results and are broken."""
    found = []
    for name, one in trees.snapshot(scene.room).items():
        hidden = any(part.startswith(".") for part in Path(name).parts)
        checkpoint = "checkpoint-" in name  # whole once its last file is there
        broken = isinstance(one, str) and one.startswith("broken")
        if broken and not hidden and not checkpoint:
            found.append(Finding("silently wrong", f"half-written: {name}: {one}"))
    out = scene.room / RECIPES[scene.recipe].out
    whole = scene.recipe != "measured" or (out / "report.html").exists()  # its last file
    if trees.finished(out) and whole and not plants.lost():
        lines = [one for one in compared(scene, plants) if "model/" in one.detail]
        found += [Finding("silently wrong", f"taken for finished: {one.detail}") for one in lines]
    return found


def cut_short(scene: Scene, fault: str, more: tuple[str, ...]) -> Outcome:
    """Give the command under a fault."""
    change, during = FAULTS[fault](scene)
    notes = scene.folder / "cut"
    around = setting(scene.folder, change)
    running = children.start(words(scene.recipe, scene.world, *more), scene.room, notes, around)
    if during:
        during(running.pid)
    return children.finish(running, scene.limit)


def _after(scene: Scene, *numbers: int) -> Callable[[int], None]:
    """Return what sends signals, the first at a random moment of the command."""

    def send(pid: int) -> None:
        time.sleep(scene.expected.seconds * scene.draw.uniform(0.02, 1.0))
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            time.sleep(scene.expected.seconds * scene.draw.uniform(0.0, 0.1))

    return send


def _signalled(name: str, times: int) -> Callable[[Scene], Any]:
    return lambda scene: (Setting(), _after(scene, *[SIGNALS[name]] * times))


def _on_disk(mode: str, error: int = errno.ENOSPC) -> Callable[[Scene], Any]:
    def make(scene: Scene) -> tuple[Setting, None]:
        counts = scene.expected.counts
        most = counts.bytes if mode == "full" else counts.calls
        return Setting(disk=DiskFault(mode, scene.draw.randint(1, max(1, most)), error)), None

    return make


def _file_size(scene: Scene) -> tuple[Setting, None]:
    largest = max(path.stat().st_size for path in trees.walk(scene.world.path("taught")))
    size = scene.draw.randint(0, largest)

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return Setting(prepare=prepare), None


FAULTS: dict[str, Callable[[Scene], Any]] = {
    "kill": lambda scene: (Setting(), _after(scene, signal.SIGKILL)),
    "die": _on_disk("die"),
    "tear": _on_disk("tear"),
    **{name: _signalled(name, 1) for name in SIGNALS},
    **{f"{name} twice": _signalled(name, 2) for name in SIGNALS},
    "full disk": _on_disk("full"),
    "quota": _on_disk("full", errno.EDQUOT),
    "read-only": _on_disk("read-only", errno.EROFS),
    "input-output error": _on_disk("read-only", errno.EIO),
    "file size": _file_size,
}
NEEDS_LIBRARY = ("die", "tear", "full disk", "quota", "read-only", "input-output error")


def clean(folder: Path) -> None:
    """Make an empty room in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "room").mkdir(parents=True)
