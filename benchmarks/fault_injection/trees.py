"""What a folder holds, read by code that shares nothing with the product."""

import hashlib
import json
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

VOLATILE = {
    "argv", "command_line", "peak_memory_mib", "resumed_from", "seconds", "started",
    "train_runtime", "train_samples_per_second", "train_steps_per_second",
}  # fmt: skip
"""What two runs of the same command may record differently: times, memory, and how it was typed."""
TIMES = re.compile(r"\d[\d.,]* ?(s|MiB|min|seconds)\b| --(resume|overwrite)\b")
MARKERS = ("lock",)
"""Endings of files that say nothing of a result."""
BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1,
}  # fmt: skip


def snapshot(folder: Path) -> dict[str, Any]:
    """Return every file below `folder` by its name, with what it holds apart from times."""
    return {
        str(path.relative_to(folder)): content(path)
        for path in sorted(walk(folder))
        if not path.name.endswith(MARKERS)
    }


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files and links below `folder`; links are not followed."""
    if not folder.is_dir():
        if folder.exists() or folder.is_symlink():
            yield folder
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from walk(path)
        else:
            yield path


def content(path: Path) -> Any:
    """Return what a file holds apart from recorded times, or `broken` with the reason."""
    if path.is_symlink():
        return f"link to {path.readlink()}"
    try:
        data = path.read_bytes()
        if path.suffix == ".json":
            return steady(parse(data))
        if path.suffix == ".jsonl":
            return [steady(parse(line)) for line in data.splitlines() if line.strip()]
        if path.suffix == ".safetensors":
            return tensors(data)
        if path.suffix in (".html", ".md", ".svg"):
            text = data.decode()
            whole = path.suffix != ".html" or text.rstrip().endswith("</html>")
            return digest(TIMES.sub("", text).encode()) if whole else "broken: ends too early"
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        return f"broken: {type(error).__name__}: {error}"
    return digest(data)


def digest(data: bytes) -> str:
    """Return a short hash."""
    return hashlib.sha256(data).hexdigest()[:16]


def parse(data: bytes) -> Any:
    """Read JSON as its standard has it: UTF-8, and no NaN."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(data.decode("utf-8"), parse_constant=refuse)


def steady(value: Any) -> Any:
    """Return a value without what may differ; a name whose value is null may be missing, too."""
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if name not in VOLATILE}
        return {name: steady(one) for name, one in kept.items() if one is not None}
    return [steady(one) for one in value] if isinstance(value, list) else value


def tensors(data: bytes) -> dict[str, Any]:
    """Read a safetensors file: name to type, shape and a hash of the values.

    Raises:
        ValueError: its header is not that of such a file, or the file is shorter or longer.
    """
    if len(data) < 8:
        raise ValueError("too short for a header")
    (size,) = struct.unpack("<Q", data[:8])
    if size > len(data) - 8:
        raise ValueError("the header is longer than the file")
    header, found, end = parse(data[8 : 8 + size]), {}, 0
    for name, one in header.items():
        if name == "__metadata__":
            continue
        begin, stop = one["data_offsets"]
        count = BYTES[one["dtype"]]
        for length in one["shape"]:
            count *= length
        if not 0 <= begin <= stop <= len(data) - 8 - size or stop - begin != count:
            raise ValueError(f"{name}: its offsets do not fit its shape")
        values = data[8 + size + begin : 8 + size + stop]
        found[name] = [one["dtype"], one["shape"], digest(values)]
        end = max(end, stop)
    if end != len(data) - 8 - size:
        raise ValueError("bytes are missing or left over")
    return found


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return how a folder differs from what it should hold, a line each."""
    lines = [f"{name} is missing" for name in expected if name not in found]
    lines += [f"{name} is left over" for name in found if name not in expected]
    for name, value in expected.items():
        if name in found and found[name] != value:
            lines.append(f"{name} differs{where(value, found[name])}")
    return lines


def where(expected: Any, found: Any) -> str:
    """Return the first place at which two values differ, as words to follow."""
    if isinstance(found, str) and found.startswith("broken"):
        return f" ({found})"
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in {**expected, **found}:
            if expected.get(name, ...) != found.get(name, ...):
                return f" at {name}{where(expected.get(name), found.get(name))}"
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f" ({len(expected)} and {len(found)} entries)"
        pairs = enumerate(zip(expected, found, strict=True))
        return next((f" at {i}{where(a, b)}" for i, (a, b) in pairs if a != b), "")
    return f" ({expected!r:.40} and {found!r:.40})"


def finished(folder: Path) -> bool:
    """Tell whether a run's record says that it is finished."""
    try:
        return bool(parse((folder / "run.json").read_bytes())["status"] == "finished")
    except (OSError, ValueError, KeyError, TypeError):
        return False
