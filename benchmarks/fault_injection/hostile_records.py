"""Hostile records of earlier runs, evaluations and checkpoints."""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fault_injection import children, trees
from fault_injection.interruptions import Scene
from fault_injection.mutations import ESCAPE, change_file, change_json
from fault_injection.recipes import setting, words
from fault_injection.trial import Fault, Trial, replaced


def _run(change: Callable[..., None], scene: Scene, given: Path) -> Trial:
    """A run whose record is wrong, as the model of another command."""
    folder = given / "run"
    shutil.copytree(scene.world.path("taught"), folder)
    change(folder / "run.json", scene.draw)
    return Trial(replaced(scene, "evaluate", taught=folder), "any", "run.json of the model")


def _escapes(scene: Scene, given: Path) -> Trial:
    """Escape sequences and scripts wherever a run's record has a text."""
    folder = given / "run"
    shutil.copytree(scene.world.path("unlearned"), folder)
    record = json.loads((folder / "run.json").read_text())
    keys = [key for key, value in record["config"].items() if isinstance(value, str)]
    for key in scene.draw.sample(keys, min(4, len(keys))):
        record["config"][key] = ESCAPE
    (folder / "run.json").write_text(json.dumps(record))
    return Trial(replaced(scene, "evaluate", taught=folder), "any", "escapes in run.json")


def _evaluation(change: Callable[..., None], name: str, scene: Scene, given: Path) -> Trial:
    """An evaluation with a wrong file, compared with itself or measured again."""
    folder = given / "evaluation"
    shutil.copytree(scene.world.path("evaluation"), folder)
    change(folder / name, scene.draw)
    recipe = scene.draw.choice(("compare", "metrics"))
    return Trial(replaced(scene, recipe, evaluation=folder), "any", f"{name} for {recipe}")


def _compared(scene: Scene, given: Path) -> Trial:
    """An evaluation whose names are escape sequences, on a page and a terminal."""
    folder = given / f"e{ESCAPE.replace('/', '')}"
    shutil.copytree(scene.world.path("evaluation"), folder)
    summary = json.loads((folder / "summary.json").read_text())
    for key, value in summary.items():
        summary[key] = ESCAPE if isinstance(value, str) and scene.draw.random() < 0.5 else value
    (folder / "summary.json").write_text(json.dumps(summary))
    return Trial(replaced(scene, "compare", evaluation=folder), "any", "escapes in summary.json")


def _adapter(scene: Scene, given: Path) -> Trial:
    folder = given / "adapter"
    shutil.copytree(scene.world.path("adapter"), folder)
    names = ("run.json", "model/adapter_config.json", "model/adapter_model.safetensors")
    name = scene.draw.choice(names)
    change = change_json if name.endswith(".json") and scene.draw.random() < 0.7 else change_file
    change(folder / name, scene.draw)
    return Trial(replaced(scene, "merge", adapter=folder), "any", f"{name} of an adapter")


def _resumed(change: Callable[..., None], name: str, scene: Scene, given: Path) -> Trial:
    """A run that was killed at its first checkpoint, with a wrong file; then --resume."""
    out = scene.room / "out"
    command = words("finetune", scene.world)
    notes = scene.folder / "before"
    running = children.start(command, scene.room, notes, setting(scene.folder))
    end = time.monotonic() + scene.limit
    while time.monotonic() < end and not list(out.glob("checkpoint-*/trainer_state.json")):
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGKILL)
    children.finish(running, scene.limit)
    found = [path for path in sorted(out.glob(name)) if path.is_file()]
    what = "no such file"
    if found:
        chosen = scene.draw.choice(found)
        what = str(chosen.relative_to(scene.room))
        before = chosen.read_bytes()
        change(chosen, scene.draw)
        if chosen.suffix == ".safetensors" and trees.content(chosen)[:6] != "broken":
            chosen.write_bytes(before[:-1])  # a flip among weights leaves no trace
    return Trial([*command, "--resume"], "same", f"{what} of a resumed run", changes_input=True)


def _shorten(path: Path, draw: Any) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: draw.randrange(max(1, len(data)))])


def _of(make: Callable[..., Trial], *values: Any, recipe: str = "evaluate") -> Fault:
    return Fault(partial(make, *values), recipe)


FAULTS = {
    "value of run.json": _of(_run, change_json),
    "value of run.json again": _of(_run, change_json),
    "bytes of run.json": _of(_run, change_file),
    "escapes in run.json": Fault(_escapes, "evaluate"),
    "escapes in an evaluation": Fault(_compared, "compare"),
    "value of summary.json": _of(_evaluation, change_json, "summary.json", recipe="compare"),
    "bytes of summary.json": _of(_evaluation, change_file, "summary.json", recipe="compare"),
    "bytes of scores": _of(_evaluation, change_file, "scores.parquet", recipe="metrics"),
    "bytes of generations": _of(_evaluation, change_file, "generations.parquet", recipe="metrics"),
    "adapter": Fault(_adapter, "merge"),
    "resumed with a wrong record": _of(_resumed, change_json, "run.json", recipe="finetune"),
    "resumed with half a record": _of(_resumed, _shorten, "run.json", recipe="finetune"),
    "resumed with half a checkpoint": _of(_resumed, _shorten, "checkpoint-*/*", recipe="finetune"),
    "resumed with a wrong state": _of(
        _resumed, change_json, "checkpoint-*/trainer_state.json", recipe="finetune"
    ),
}
