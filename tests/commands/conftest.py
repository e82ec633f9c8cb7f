"""Running the command in this process, and small files to run it on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from small_data import write_rows

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


@pytest.fixture
def files(tmp_path: Path, examples: Any) -> Files:
    """Forget four questions, keep four."""
    rows = [one._asdict() for one in examples]
    return Files(
        write_rows(tmp_path / "forget.jsonl", rows[:4]),
        write_rows(tmp_path / "retain.jsonl", rows[4:]),
    )
