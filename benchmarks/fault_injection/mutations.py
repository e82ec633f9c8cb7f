"""Files made wrong by chance: their bytes, or one value of their JSON."""

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

ESCAPE = "\x1b]0;title\x07\x1b[2J\u202e<script>alert(1)</script>"
"""Changes a terminal's title, empties it, and is a script on a page."""
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**63, 10**400, 1e308, 0.5, "", " ", "x", "\x00", "\ud800", ESCAPE,
    "../../../etc/passwd", "a" * 100_000, [], [None], {}, {"a": {"b": []}}, [[[[]]]], "float32",
)  # fmt: skip


def change_bytes(data: bytes, draw: random.Random) -> bytes:
    """Return data with something done to its bytes."""
    return draw.choice(BYTES)(data, draw)


def _truncate(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(max(1, len(data)))]


def _flip(data: bytes, draw: random.Random) -> bytes:
    made = bytearray(data or b"\0")
    for _ in range(draw.choice((1, 1, 8))):
        made[draw.randrange(len(made))] ^= 1 << draw.randrange(8)
    return bytes(made)


def _remove(data: bytes, draw: random.Random) -> bytes:
    begin = draw.randrange(max(1, len(data)))
    return data[:begin] + data[begin + draw.randint(1, 64) :]


def _repeat(data: bytes, draw: random.Random) -> bytes:
    begin = draw.randrange(max(1, len(data)))
    return data[:begin] + 2 * data[begin : begin + draw.randint(1, 64)] + data[begin + 64 :]


def _insert(data: bytes, draw: random.Random) -> bytes:
    begin = draw.randrange(len(data) + 1)
    return data[:begin] + draw.randbytes(draw.choice((1, 16, 500))) + data[begin:]


def _zero(data: bytes, draw: random.Random) -> bytes:
    begin = draw.randrange(max(1, len(data)))
    return data[:begin] + bytes(min(512, len(data) - begin)) + data[begin + 512 :]


def _empty(data: bytes, draw: random.Random) -> bytes:
    return b""


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _truncate, _flip, _remove, _repeat, _insert, _zero, _empty,
)  # fmt: skip


def change_value(value: Any, draw: random.Random) -> Any:
    """Return JSON with one of its values replaced, removed, or wrapped."""
    places = list(_places(value))
    if not places:
        return draw.choice(VALUES)
    *way, last = draw.choice(places)
    made = json.loads(json.dumps(value))
    inner = made
    for step in way:
        inner = inner[step]
    if draw.random() < 0.15:
        del inner[last]
    else:
        inner[last] = draw.choice((*VALUES, [inner[last]], {"a": inner[last]}, str(inner[last])))
    return made


def _places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to all values; of long lists the first few."""
    if isinstance(value, dict):
        items = list(value.items())[:60]
    else:
        items = list(enumerate(value))[:5] if isinstance(value, list) else []
    return [found for key, one in items for found in ((*way, key), *_places(one, (*way, key)))]


def change_json(path: Path, draw: random.Random) -> None:
    """Replace one value in a JSON file."""
    made = change_value(json.loads(path.read_text(encoding="utf-8")), draw)
    path.write_text(json.dumps(made), encoding="utf-8")


def change_file(path: Path, draw: random.Random) -> None:
    """Do something to a file's bytes."""
    path.write_bytes(change_bytes(path.read_bytes(), draw))


def change_header(path: Path, draw: random.Random) -> None:
    """Replace one value in the header of a safetensors file."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.dumps(change_value(json.loads(data[8 : 8 + size]), draw)).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data[8 + size :])
