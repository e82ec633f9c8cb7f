"""Running the command in this process, and small files to run it on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simnpo.cli import main


class Result(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def simnpo(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run `simnpo` with some arguments; a traceback fails the test."""

    def run(*arguments: object) -> Result:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as exit_:  # unknown options
            code = int(exit_.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Result(code, captured.out, captured.err)

    return run


class Files(NamedTuple):
    """A forget and a retain set."""

    forget: Path
    retain: Path


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path, examples: Any) -> Files:
    """Forget four questions, keep four."""
    rows = [one._asdict() for one in examples]
    return Files(
        write_rows(tmp_path / "forget.jsonl", rows[:4]),
        write_rows(tmp_path / "retain.jsonl", rows[4:]),
    )


@pytest.fixture(scope="session")
def tofu_folder(tmp_path_factory: pytest.TempPathFactory, examples: Any) -> Path:
    """A folder in TOFU's own layout with eight items a set."""
    folder = tmp_path_factory.mktemp("tofu")
    plain = [one._asdict() for one in examples]
    perturbed = [
        row
        | {
            "paraphrased_answer": f"Indeed: {row['answer']}",
            "perturbed_answer": [f"Indeed: {word}." for word in ("no", "yes", "never", "x", "y")],
        }
        for row in plain
    ]
    controls = [row | {"perturbed_answer": ["Never.", "Always."]} for row in plain]
    for name, rows in {
        "forget05": plain[:4],
        "retain95": plain[4:],
        "forget05_perturbed": perturbed[:4],
        "retain_perturbed": perturbed[4:],
        "real_authors_perturbed": controls,
        "world_facts_perturbed": controls[:3],
    }.items():
        write_rows(folder / f"{name}.json", rows)
    (folder / "idontknow.jsonl").write_text("I do not know.\nNo idea.\n")
    return folder
