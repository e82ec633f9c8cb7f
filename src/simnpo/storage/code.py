"""Hashes of the code that computes a result: of a loss, not of its comments."""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = "simnpo"
_LAZY = re.compile(rf"({PACKAGE}(?:\.\w+)+):\w+")
"""How a registry names a value that is imported when it is looked up, see `LazyValues`."""
_ALWAYS = f"{PACKAGE}.evaluation."
"""What is imported late and never by choice: an evaluation has all metrics of its suite."""
NOT_COMPUTING = (
    "api",
    "cli",
    "report",
    "experiments.key",
    "experiments.model_card",
    "experiments.own_texts",
    "experiments.run",
    "planning.hardware",
    "storage.code",
    "storage.file_checks",
    "storage.folder_lock",
    "storage.ownership",
    "storage.system_errors",
    "storage.whole_folders",
    "system.notes",
    "system.parent",
    "system.progress",
    "system.signals",
    "system.terminal",
)
"""Rooms and modules that show, check and keep results, and change none of their numbers."""


class _Module(NamedTuple):
    """What a module's source says."""

    content: str
    """Hash of its syntax tree, without docstrings; comments are not in it anyway."""
    imports: tuple[str, ...]
    """Modules of simnpo that it imports when it is imported or called, not for types alone."""
    lazy: Mapping[str, str]
    """Modules that its registries import when a name is looked up, by that name."""


@lru_cache(maxsize=64)
def code_hashes(module: str, registered: frozenset[str] | None = None) -> dict[str, str]:
    """Return a hash of each module of simnpo that `module` computes with, and of itself.

    Each process reads a file once.

    Args:
        module: where to begin; it need not be one of simnpo.
        registered: the names that are looked up in registries whose values are imported late
            (methods, benchmarks); None for all of them. Metrics always count.
    """
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _files().get(name) or (_outside(name) if name == module else None)
        # Not by its module's name, which in another process may be another (`__mp_main__`).
        key = name if name in _files() else path.name if path else ""
        if path is None or key in found or (_is_excluded(name) and name != module):
            continue
        source = _read(path)
        found[key] = source.content
        waiting += source.imports
        waiting += [
            place
            for key, place in source.lazy.items()
            if registered is None or key in registered or place.startswith(_ALWAYS)
        ]
    return dict(sorted(found.items()))


def _is_excluded(name: str) -> bool:
    inner = name.removeprefix(f"{PACKAGE}.")
    return name == PACKAGE or any(
        inner == one or inner.startswith(f"{one}.") for one in NOT_COMPUTING
    )


@cache
def _files() -> dict[str, Path]:
    """Return the files of all modules of simnpo."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        inner = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join((PACKAGE, *inner))] = path
    return found


def _outside(name: str) -> Path | None:
    """Return the file of a module that is not simnpo's, None where it has none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return Path(file) if file else None


@cache
def _read(path: Path) -> _Module:
    tree = ast.parse(path.read_bytes())
    imports: dict[str, None] = {}
    lazy: dict[str, str] = {}
    for node in _statements(tree):
        imports |= dict.fromkeys(_imports(node))
        lazy |= _registered(node)
    content = hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]
    return _Module(content, tuple(imports), lazy)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements in `node` that run, and drop strings that stand alone: docstrings."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        block = getattr(node, name, None)
        if not isinstance(block, list):
            continue
        block[:] = [one for one in block if not _is_docstring(one)]
        if name == "body" and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        for one in block:
            yield one
            yield from _statements(one)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _registered(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names of a registry and the modules that they are looked up in."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if isinstance(value, ast.Dict):
        for key, place in zip(value.keys, value.values, strict=True):
            text = str(place.value) if isinstance(place, ast.Constant) else ""
            if isinstance(key, ast.Constant) and (match := _LAZY.fullmatch(text)):
                yield str(key.value), match[1]


def _imports(node: ast.AST) -> Iterator[str]:
    """Yield the modules of simnpo that a statement imports, with their packages."""
    if isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            yield from _with_packages(name if name in _files() else node.module)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield from _with_packages(alias.name)


def _with_packages(name: str) -> Iterator[str]:
    """Yield a module of simnpo and the packages that are imported before it."""
    parts = name.split(".")
    if parts[0] == PACKAGE:
        yield from (".".join(parts[:end]) for end in range(len(parts), 1, -1))
