"""The commands that faults are injected into, undisturbed runs of them, and how a user goes on."""

import json
import multiprocessing
import multiprocessing.context
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fault_injection import children, trees
from fault_injection.children import USUAL, Outcome, Setting
from fault_injection.interpose import Counts
from fault_injection.world import World

TRAINING = "--batch-size 4 --learning-rate 1e-3"
OWN = "--forget {w}/forget.jsonl --retain {w}/retain.jsonl"
TOFU = "--benchmark tofu --data-dir {w}/tofu"


class Recipe(NamedTuple):
    """A command that is given in an empty folder, without what follows from where it writes."""

    words: str
    out: str = "out"
    """What it writes."""
    resumes: bool = True
    """Whether an unfinished one is continued with --resume; else the same command does."""
    weight: int = 4
    """How often it is chosen, against others."""
    caches: bool = False
    """Whether it fills the cache, which is a part of its result."""


RECIPES = {
    "finetune": Recipe(
        f"finetune --model {{w}}/base --data {{w}}/full.jsonl --epochs 3 {TRAINING}", weight=8
    ),
    "lora": Recipe(
        f"finetune --model {{w}}/base --data {{w}}/full.jsonl --epochs 2 {TRAINING} --lora-rank 2"
    ),
    "unlearn": Recipe(
        f"unlearn --model {{w}}/taught {OWN} --method npo --no-report --steps 6 {TRAINING}",
        weight=8,
    ),
    "watched": Recipe(
        f"unlearn --model {{w}}/taught {TOFU} --method simnpo --steps 4 --batch-size 2 "
        "--learning-rate 1e-3 --evaluate-epochs 1 --record-weights",
        weight=5,
    ),
    "measured": Recipe(
        f"unlearn --model {{w}}/taught {OWN} --until end --max-items 2 --steps 4 {TRAINING}",
        weight=1,
    ),
    "evaluate": Recipe(f"evaluate --model {{w}}/taught {TOFU}", weight=8),
    "generate": Recipe(
        "generate --model {w}/base --questions {w}/forget.jsonl --max-new-tokens 4",
        "out.jsonl",
        resumes=False,
    ),
    "merge": Recipe("merge --model {w}/adapter", resumes=False),
    "convert": Recipe("convert --model {w}/pickled", "out/converted", resumes=False, weight=2),
    "example": Recipe("example records --forget 3 --retain 3 --holdout 2", resumes=False, weight=2),
    "metrics": Recipe("metrics tofu --scores {w}/evaluation", resumes=False, weight=2),
    "compare": Recipe("compare {w}/evaluation", resumes=False, weight=1),
    "quantize": Recipe(
        f"attack quantize --model {{w}}/unlearned --retrain {{w}}/taught {TOFU} --scores-only "
        "--bits 8",
        weight=1,
    ),
    "sweep": Recipe(
        f"sweep --model {{w}}/taught {TOFU} --over learning_rate=1e-3 --workers 1",
        resumes=False,
        weight=1,
    ),
    "gguf": Recipe(
        "generate --model {w}/tiny.gguf --questions {w}/forget.jsonl --max-new-tokens 4",
        "out.jsonl",
        resumes=False,
        caches=True,
    ),
}
WITHOUT_CACHE = tuple(name for name, recipe in RECIPES.items() if not recipe.caches)


class Undisturbed(NamedTuple):
    """A recipe's result when nothing is in its way."""

    tree: dict[str, Any]
    seconds: float
    counts: Counts
    notes: int
    """Lines that it writes to standard error."""


def words(name: str, world: World, *more: str) -> list[str]:
    """Return a recipe's command."""
    recipe = RECIPES[name]
    return [*recipe.words.format(w=world.folder).split(), "--out", recipe.out, *more]


def setting(folder: Path, changes: Setting = USUAL) -> Setting:
    """Return what commands find around them in `folder`: a home and a cache of its own.

    The cache is in the room, so that all that is looked for in results is looked for in it, too.
    """
    for name in ("home", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    around = {
        "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "TERM": "dumb",
        "COLUMNS": "80", "XDG_CACHE_HOME": None, "SIMNPO_CACHE": "cache",
    }  # fmt: skip
    return changes._replace(
        environment={**around, **changes.environment}, prepare=_prepared(changes)
    )


def _prepared(changes: Setting) -> Any:
    def prepare() -> None:
        # Workers are forked here: a fresh interpreter would import for ten seconds in every case.
        usual = multiprocessing.get_context
        multiprocessing.get_context = lambda method=None: usual(  # type: ignore[assignment]
            "fork" if method == "spawn" else method
        )
        if changes.prepare:
            changes.prepare()

    return prepare


def undisturbed(name: str, world: World, home: Path) -> Undisturbed:
    """Return a recipe's undisturbed result, which is kept in `home`.

    Raises:
        RuntimeError: the command fails.
    """
    kept = home / f"{name}.json"
    if not kept.exists():
        folder = home / name
        shutil.rmtree(folder, ignore_errors=True)
        room = folder / "room"
        room.mkdir(parents=True)
        ended = children.run(words(name, world), room, folder / "notes", setting(folder), 600)
        if ended.code or ended.hung:
            raise RuntimeError(f"{name}, undisturbed: code {ended.code}\n{ended.stderr.decode()}")
        tree = trees.snapshot(room)
        found = Undisturbed(tree, ended.seconds, ended.counts, len(ended.stderr.splitlines()))
        kept.write_text(json.dumps(found))
    tree, seconds, counts, notes = json.loads(kept.read_text())
    return Undisturbed(tree, seconds, Counts(*counts), notes)


def go_on(name: str, world: World, room: Path, notes: Path, limit: float) -> list[Outcome]:
    """Do what a user does after a command was cut short, until it succeeds; at most three times.

    A run that has a record is resumed, as its messages say; else the command is given again, and
    with --overwrite where it says that results are in the way.
    """
    recipe, ends = RECIPES[name], list[Outcome]()
    more = ["--resume"] if recipe.resumes and (room / recipe.out / "run.json").exists() else []
    if recipe.resumes and name in ("evaluate", "quantize") and (room / recipe.out).exists():
        more = ["--resume"]
    for attempt in range(3):
        around = setting(notes.parent)
        where = notes / f"again-{attempt}"
        ends.append(children.run(words(name, world, *more), room, where, around, limit))
        said = ends[-1].stderr.decode(errors="replace")
        if ends[-1].code == 0 or ends[-1].hung:
            break
        if more == ["--resume"] and ("leave --resume out" in said or "holds no" in said):
            more = []
        elif "--overwrite" in said and more != ["--overwrite"]:
            more = ["--overwrite"]
        elif "--resume" in said and not more:
            more = ["--resume"]
        else:
            break
    return ends


def choose(draw: Any, names: Sequence[str] = WITHOUT_CACHE) -> str:
    """Draw a recipe by weight."""
    return str(draw.choices(names, [RECIPES[name].weight for name in names])[0])
