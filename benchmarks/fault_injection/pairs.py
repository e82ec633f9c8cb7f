"""Two commands at once on one folder, or on one cache: one works, the other waits or is refused."""

import time

from fault_injection import children, trees
from fault_injection.children import Outcome
from fault_injection.interruptions import Scene, compared
from fault_injection.judging import Finding, Plants, behaved
from fault_injection.recipes import RECIPES as ALL
from fault_injection.recipes import go_on, setting, words

RECIPES = (
    "finetune", "lora", "unlearn", "watched", "evaluate", "generate", "merge", "convert", "example",
    "metrics", "sweep",
)  # fmt: skip
SEEDED = ("finetune", "lora", "unlearn", "watched")
FAULTS = (
    "same command", "other seed", "second with --overwrite", "second with --resume",
    "both with --overwrite", "one cache",
)  # fmt: skip


def execute(scene: Scene, fault: str) -> list[Finding]:
    """Give two commands, the second a random moment after the first."""
    recipe = ALL[scene.recipe]
    plants = Plants(scene.room, ("NOTES.md", "keep/mine.bin"))
    plants.plant()
    first, second = _words(scene, fault)
    rooms = (scene.room, scene.room)
    if fault == "one cache":
        other = scene.folder / "other"
        other.mkdir()
        rooms = (scene.room, other)
    around = setting(scene.folder)
    late = scene.draw.choice((0.0, scene.draw.uniform(0, 1))) * scene.expected.seconds
    one = children.start(first, rooms[0], scene.folder / "first", around)
    time.sleep(late)
    two = children.start(second, rooms[1], scene.folder / "second", around)
    ends = [
        children.finish(one, 2 * scene.limit, alone=False),
        children.finish(two, 3 * scene.limit),
    ]
    found = [finding for ended in ends for finding in behaved(ended)]
    found += _judged(scene, fault, ends, plants)
    if fault == "one cache":
        lines = trees.differences(scene.expected.tree, trees.snapshot(rooms[1]))
        found += [Finding("silently wrong", f"the other folder: {line}") for line in lines[:1]]
    if not any(ended.code == 0 for ended in ends) and recipe.resumes:
        again = go_on(scene.recipe, scene.world, scene.room, scene.folder / "notes", scene.limit)
        found += [finding for ended in again for finding in behaved(ended)]
        if again[-1].code:
            found.append(Finding("lost", f"does not go on: {again[-1].stderr[-200:]!r}"))
    return found + plants.lost()


def _words(scene: Scene, fault: str) -> tuple[list[str], list[str]]:
    """Return the two commands; an option that a command does not have is left out."""
    options: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "other seed": ((), ("--seed", "7") if scene.recipe in SEEDED else ()),
        "second with --overwrite": ((), ("--overwrite",)),
        "second with --resume": ((), ("--resume",) if ALL[scene.recipe].resumes else ()),
        "both with --overwrite": (("--overwrite",), ("--overwrite",)),
    }
    first, second = options.get(fault, ((), ()))
    if scene.recipe == "sweep":  # its folder is its cache
        first = second = ()
    return words(scene.recipe, scene.world, *first), words(scene.recipe, scene.world, *second)


def _judged(scene: Scene, fault: str, ends: list[Outcome], plants: Plants) -> list[Finding]:
    """Judge what stands after both.

    If both succeeded, the later one has the say; if one did, its result must stand untouched.
    """
    codes = [ended.code for ended in ends]
    if 0 not in codes:
        last = [ended.stderr.strip().split(b"\n")[-1].decode(errors="replace") for ended in ends]
        return [Finding("lost", f"both failed: {last[0][:150]} | {last[1][:150]}")]
    if fault == "other seed" and scene.recipe in SEEDED and codes[1] == 0:
        return []  # the second's result has no undisturbed twin here; it was alone
    return compared(scene, plants)
