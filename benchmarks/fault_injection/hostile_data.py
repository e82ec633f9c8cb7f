"""Hostile data files."""

import gzip
import json
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fault_injection import trees
from fault_injection.hostile_values import FILES, NAMES, TEXTS
from fault_injection.interruptions import Scene
from fault_injection.mutations import VALUES, change_file, change_value
from fault_injection.trial import Expected, Fault, Trial, replaced
from fault_injection.world import FORMATS, rows, write_rows

READERS = ("finetune", "unlearn", "generate")
GIVEN = {"finetune": "full__jsonl", "unlearn": "forget__jsonl", "generate": "forget__jsonl"}


def _command(scene: Scene, data: Path, recipe: str = "finetune") -> list[str]:
    return replaced(scene, recipe, **{GIVEN[recipe]: data})


def _bytes(scene: Scene, given: Path) -> Trial:
    """Any format, and something done to its bytes; JSON that is none must be refused."""
    ending = scene.draw.choice(FORMATS)
    path = given / f"full.{ending}"
    path.write_bytes(scene.world.path(path.name).read_bytes())
    change_file(path, scene.draw)
    expects: Expected = "refuse" if not _readable(path) else "any"
    return Trial(_command(scene, path), expects, f"bytes of a {ending} file")


def _readable(path: Path) -> bool:
    """Tell whether a file of JSON is one; of other formats nothing is known."""
    try:
        if path.suffix == ".jsonl":
            return bool([trees.parse(line) for line in path.read_bytes().splitlines() if line])
        return path.suffix != ".json" or trees.parse(path.read_bytes()) is not None
    except ValueError:
        return False


def _value(scene: Scene, given: Path) -> Trial:
    made = change_value(rows(), scene.draw)
    path = given / f"full.{scene.draw.choice(('json', 'jsonl'))}"
    found = made if isinstance(made, list) else [made]
    lines = "".join(json.dumps(row) + "\n" for row in found)
    path.write_text(json.dumps(found) if path.suffix == ".json" else lines)
    return Trial(_command(scene, path), "any", "a value of a row")


def _text(text: str, scene: Scene, given: Path) -> Trial:
    """A text as a question or an answer, of a file that is trained on or answered."""
    column = scene.draw.choice(("question", "answer"))
    recipe = scene.draw.choice(READERS if len(text) < 1_000_000 else READERS[:1])
    found = rows(0, 8 if recipe == "finetune" else 4)
    found[scene.draw.randrange(len(found))][column] = text
    path = given / "full.jsonl"
    write_rows(path, found)
    return Trial(_command(scene, path, recipe), "any", f"{column} of {recipe}")


def _file(content: tuple[bytes, Expected], scene: Scene, given: Path) -> Trial:
    path = given / "full.jsonl"
    path.write_bytes(content[0])
    return Trial(_command(scene, path), content[1], "a .jsonl file")


def _name(scene: Scene, given: Path) -> Trial:
    name = scene.draw.choice(NAMES)
    path = given / name
    path.write_bytes(scene.world.path("full.jsonl").read_bytes())
    if not name.startswith("-"):
        return Trial(_command(scene, path), "any", f"a file named {name!a}")
    return Trial(_command(scene, Path(name)), "refuse", "a name that looks like an option")


def _table(scene: Scene, given: Path) -> Trial:
    """A table whose cells are of another type, or whose shape is odd."""
    import pandas as pd

    values = scene.draw.choice((
        [1, 2, 3], [None, None, None], [["a"], ["b"], []], [b"\xff", b"\x00", b""],
        [True, False, None],
        pd.to_datetime(["2020-01-01"] * 3), pd.Categorical(["a", "b", "a"]), [{"a": 1}] * 3,
    ))  # fmt: skip
    table = pd.DataFrame({"question": ["a?", "b?", "c?"], "answer": values})
    path = given / "full.parquet"
    table.to_parquet(path, index=False)
    return Trial(_command(scene, path), "any", f"answers of type {table['answer'].dtype}")


def _columns(scene: Scene, given: Path) -> Trial:
    path = given / f"full.{scene.draw.choice(('csv', 'tsv'))}"
    path.write_text(scene.draw.choice((
        "question,answer\n\"open,quote\n", "question\tanswer\nonly one\n",
        ",".join("a" * 3000) + "\n",
        "question,answer\n" + "a,b,c,d\n" * 3, "question,answer,answer\na,b,c\n", "\x00,\x00\n",
        "question,answer\n" + "=cmd()," * 50 + "\n", f"question,answer\n{'x' * 200_000},b\n",
    )))  # fmt: skip
    return Trial(_command(scene, path), "any", f"an odd {path.suffix[1:]}")


def _bomb(scene: Scene, given: Path) -> Trial:
    """A few kilobytes that become 200 megabytes."""
    path = given / "full.jsonl.gz"
    row = b'{"question": "Where?", "answer": "' + b"a" * (200 << 20) + b'"}\n'
    path.write_bytes(gzip.compress(row, 9))
    return Trial(_command(scene, path), "any", "200 MB in a .gz")


def _special(scene: Scene, given: Path) -> Trial:
    """What is not a file: a pipe that nobody writes to, a device, a socket, a link to itself."""
    sort = scene.draw.choice(("pipe", "null", "socket", "loop", "broken link", "folder", "zero"))
    path = given / "full.jsonl"
    if sort == "pipe":
        os.mkfifo(path)
    elif sort == "socket":
        here = os.getcwd()
        os.chdir(given)  # a socket's path is short
        socket.socket(socket.AF_UNIX).bind(path.name)
        os.chdir(here)
    elif sort == "folder":
        path.mkdir()
    else:
        targets = {"loop": path.name, "broken link": "nowhere"}
        path.symlink_to(targets.get(sort, f"/dev/{sort}"))
    return Trial(_command(scene, path), "refuse", f"a {sort}")


def _plain(scene: Scene, given: Path) -> Trial:
    """What looks odd and is right: CRLF, a byte order mark, empty lines, further columns."""
    lines = scene.world.path("full.jsonl").read_bytes().splitlines()
    path = given / "full.jsonl"
    path.write_bytes(scene.draw.choice((
        b"\r\n".join(lines) + b"\r\n", b"\xef\xbb\xbf" + b"\n".join(lines), b"\n".join(lines),
        b"\n\n".join(lines) + b"\n\n", b"\n".join(b"  " + line + b"  " for line in lines),
    )))  # fmt: skip
    return Trial(_command(scene, path), "work", "an odd but right .jsonl")


def _option(scene: Scene, given: Path) -> Trial:
    """Hostile values of options."""
    words = replaced(scene, "finetune")
    name = scene.draw.choice((
        "--epochs", "--learning-rate", "--batch-size", "--seed", "--max-length", "--template",
        "--out", "--model", "--data", "--system-prompt", "--chat-template-kwargs", "--lora-rank",
    ))  # fmt: skip
    values = [str(one) for one in VALUES if "\0" not in str(one)] + ["nan", "inf", "1e-400", "-0"]
    value = (
        scene.draw.choice(values)
        .encode("utf-8", "surrogatepass")
        .decode("utf-8", "surrogateescape")
    )
    if name in words:
        words[words.index(name) + 1] = value
    else:
        words += [name, value]
    if name in ("--epochs", "--lora-rank", "--batch-size") and len(value) > 6:
        value = words[words.index(name) + 1] = "nan"  # no training without end
    return Trial(words, "any", f"{name} {value[:30]!a}")


def _with(make: Callable[..., Trial], value: Any, recipe: str = "finetune") -> Fault:
    return Fault(partial(make, value), recipe)


FAULTS = {
    "bytes of data": Fault(_bytes),
    "bytes of data again": Fault(_bytes),
    "value of a row": Fault(_value),
    "value of another row": Fault(_value),
    **{f"text: {name}": _with(_text, text) for name, text in TEXTS.items()},
    **{f"file: {name}": _with(_file, content) for name, content in FILES.items()},
    "name of a file": Fault(_name),
    "types of a table": Fault(_table),
    "odd columns": Fault(_columns),
    "gzip bomb": Fault(_bomb),
    "no file": Fault(_special),
    "odd but right": Fault(_plain),
    "value of an option": Fault(_option),
}
