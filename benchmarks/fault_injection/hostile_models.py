"""Hostile model folders and chat templates."""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fault_injection import trees
from fault_injection.hostile_values import FIELDS, TEMPLATES
from fault_injection.interruptions import Scene
from fault_injection.mutations import ESCAPE, change_file, change_header, change_json
from fault_injection.trial import MARK, Expected, Fault, Trial, replaced

FILES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
    "model.safetensors",
)  # fmt: skip
NEEDED = ("config.json", "tokenizer.json", "model.safetensors")
READERS = ("finetune", "generate")


class _Evil:
    def __reduce__(self) -> Any:
        return os.system, (f"touch ${MARK}",)


def _copied(scene: Scene, given: Path, name: str = "base") -> Path:
    folder = given / "model"
    shutil.copytree(scene.world.path(name), folder)
    return folder


def _command(scene: Scene, folder: Path, recipe: str | None = None) -> list[str]:
    return replaced(scene, recipe or scene.draw.choice(READERS), base=folder)


def _bytes(scene: Scene, given: Path) -> Trial:
    folder = _copied(scene, given)
    name = scene.draw.choice(FILES)
    change_file(folder / name, scene.draw)
    found = trees.content(folder / name)
    broken = isinstance(found, str) and found.startswith("broken")
    expects: Expected = "refuse" if broken and name in NEEDED else "any"
    return Trial(_command(scene, folder), expects, f"bytes of {name}")


def _value(names: tuple[str, ...], scene: Scene, given: Path) -> Trial:
    folder = _copied(scene, given, scene.draw.choice(("base", "chat")))
    name = scene.draw.choice(names)
    change_json(folder / name, scene.draw)
    return Trial(_command(scene, folder), "any", f"a value of {name}")


def _header(scene: Scene, given: Path) -> Trial:
    folder = _copied(scene, given)
    path = folder / "model.safetensors"
    change_header(path, scene.draw)
    usual = trees.content(scene.world.path("base") / path.name)
    expects: Expected = "any" if trees.content(path) == usual else "refuse"
    return Trial(_command(scene, folder), expects, "a value of a header of safetensors")


def _field(change: tuple[str, Any, Expected], scene: Scene, given: Path) -> Trial:
    folder = _copied(scene, given)
    name, value, expects = change
    config = json.loads((folder / "config.json").read_text())
    if name == "model_type":
        config.pop("architectures")
    (folder / "config.json").write_text(json.dumps(config | {name: value}))
    code = f"import os\nopen(os.environ[{MARK!r}], 'w')\nclass Model: pass\nclass C: pass\n"
    (folder / "evil.py").write_text(code)
    return Trial(_command(scene, folder), expects, f"config.json, {name} = {str(value)[:20]!a}")


def _template(template: Any, scene: Scene, given: Path) -> Trial:
    folder = _copied(scene, given, "chat")
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    path.write_text(json.dumps(settings | {"chat_template": template}))
    return Trial(_command(scene, folder), "any", "a chat template")


def _weights(scene: Scene, given: Path) -> Trial:
    """Weights that are not numbers, or of which some are missing, or renamed."""
    folder = _copied(scene, given)
    path = folder / "model.safetensors"
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, values = json.loads(data[8 : 8 + size]), bytearray(data[8 + size :])
    sort = scene.draw.choice(("NaN", "infinity", "a name changed", "another name"))
    if sort in ("NaN", "infinity"):
        place = 4 * scene.draw.randrange(len(values) // 4)
        values[place : place + 4] = struct.pack("<f", float("nan" if sort == "NaN" else "inf"))
    else:
        names = [name for name in header if name.endswith("proj.weight")]
        chosen = scene.draw.choice(names)
        header[chosen + "_x" if sort == "a name changed" else "xyz.weight"] = header.pop(chosen)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)
    return Trial(_command(scene, folder), "refuse", f"weights: {sort}")


def _pickled(scene: Scene, given: Path) -> Trial:
    """A pickle that runs code, by any of the names under which a checkpoint may have one."""
    folder = _copied(scene, given)
    name = scene.draw.choice((
        "pytorch_model.bin", "adapter_model.bin", "model.safetensors", "model-00001-of-00001.bin",
        "training_args.bin", "tokenizer.json",
    ))  # fmt: skip
    if name not in ("training_args.bin", "tokenizer.json"):
        (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(_Evil()))
    if name.startswith("model-"):
        index = {"metadata": {}, "weight_map": {"model.norm.weight": name}}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    expects: Expected = "any" if name == "training_args.bin" else "refuse"
    recipe = "convert" if name == "pytorch_model.bin" and scene.draw.random() < 0.5 else None
    words = _command(scene, folder, recipe)
    if recipe:
        words = replaced(scene, recipe, pickled=folder)
    return Trial(words, expects, f"a pickle as {name}")


def _index(scene: Scene, given: Path) -> Trial:
    folder = _copied(scene, given)
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    names = list(trees.tensors((folder / "part.safetensors").read_bytes()))
    target = scene.draw.choice(
        ("../../secret", "/etc/passwd", "missing.safetensors", 7, None, ESCAPE)
    )
    index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, target)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return Trial(_command(scene, folder), "refuse", f"an index to {str(target)!a}")


def _lacks(scene: Scene, given: Path) -> Trial:
    folder = _copied(scene, given)
    name = scene.draw.choice((*NEEDED, "all"))
    for path in list(folder.iterdir()):
        if name in (path.name, "all"):
            path.unlink()
    return Trial(_command(scene, folder), "refuse", f"a folder without {name}")


def _with(make: Callable[..., Trial], value: Any) -> Fault:
    return Fault(partial(make, value))


FAULTS = {
    "bytes of a model": Fault(_bytes),
    "bytes of another model": Fault(_bytes),
    "value of config.json": _with(_value, ("config.json", "generation_config.json")),
    "value of the tokenizer": _with(_value, ("tokenizer_config.json", "tokenizer.json")),
    "value of a header": Fault(_header),
    "weights": Fault(_weights),
    "pickles": Fault(_pickled),
    "index": Fault(_index),
    "folder that lacks": Fault(_lacks),
    **{f"config: {name}": _with(_field, change) for name, change in FIELDS.items()},
    **{f"template: {name}": _with(_template, text) for name, text in TEMPLATES.items()},
}
