"""The house: rooms import downwards only, and no file imports itself by way of others."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import simnpo

HOME = Path(simnpo.__file__).parent
ROOMS = (
    "errors",
    "config",
    "system",
    "storage",
    "data",
    "models",
    "forward",
    "methods",
    "planning",
    "benchmarks",
    "evaluation",
    "training",
    "report",
    "experiments",
    "paper",
    "cli",
    "api",
)
"""From the bottom to the top, as in docs/design.md: a room imports those before it alone."""
MOST_ROOMS, MOST_ARROWS, MOST_AT_THE_TOP = 20, 120, 6


def _name(path: Path) -> str:
    parts = path.relative_to(HOME).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for path in sorted(HOME.rglob("*.py"))}


def _imported(name: str) -> Iterator[str]:
    """Yield the files that a file imports: at once, within a function, or for its types alone."""
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{name}, line {node.lineno}: a relative import"
            found = [f"{node.module}.{one.name}" for one in node.names]
        elif isinstance(node, ast.Import):
            found = [one.name for one in node.names]
        else:
            continue
        for one in found:
            package, *parts = one.split(".")
            while package == "simnpo" and parts and ".".join(parts) not in FILES:
                parts.pop()
            if package == "simnpo" and parts:
                yield ".".join(parts)


IMPORTS = {name: set(_imported(name)) - {name} for name in FILES}
ARROWS = {
    (name.split(".")[0], other.split(".")[0])
    for name, others in IMPORTS.items()
    for other in others
    if name not in ("", "__main__")
}


def test_imports_run_downwards() -> None:
    height = {room: number for number, room in enumerate(ROOMS)}
    upwards = [
        f"{name} imports {other}"
        for name in sorted(set(FILES) - {"", "__main__"})
        for other in sorted(IMPORTS[name])
        if height[other.split(".")[0]] > height[name.split(".")[0]]
    ]
    assert not upwards


def test_no_file_imports_itself_by_way_of_others() -> None:
    try:
        list(TopologicalSorter(IMPORTS).static_order())
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_the_house_is_small() -> None:
    assert len(ROOMS) <= MOST_ROOMS
    assert len([one for one in ARROWS if one[0] != one[1]]) <= MOST_ARROWS
    assert len(list(HOME.glob("*.py"))) <= MOST_AT_THE_TOP


def test_tests_are_laid_out_like_the_source() -> None:
    folders = {path.parent for path in Path(__file__).parent.rglob("test_*.py")}
    unknown = [
        one for one in folders if not (HOME / one.relative_to(Path(__file__).parent)).is_dir()
    ]
    assert not unknown
