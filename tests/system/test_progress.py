"""The line of progress: on a terminal, on a pipe, and its losses."""

import io
import re
from typing import Any

import pytest
from rich.console import Console
from transformers import TrainerState

from simnpo.system import progress as module
from simnpo.system.progress import LINE, progress
from simnpo.training.callbacks import NOTE, ShowProgress, note_of

LOGS = {
    "loss": 1.4,
    "forget_loss": -0.1234,
    "retain_loss": 1.5,
    "grad_norm": 12.34,
    "learning_rate": 9.83e-6,
}


def test_a_note_is_short() -> None:
    assert note_of(LOGS) == "forget -0.12 retain 1.50 grad 12.3 lr 9.8e-6"
    assert note_of({"forget_loss": 3e-7, "learning_rate": 0}) == "forget 3e-7 lr 0"
    values = (0, -9.994, 9.996, 99.96, 999.4, 999.6, 5e8, 0.006, 1e-12, float("inf"))
    shown = [note_of({"grad_norm": value, "learning_rate": 1}).split()[1] for value in values]
    assert shown == ["0.00", "-9.99", "10.0", "100", "999", "1e3", "5e8", "0.01", "1e-12", "inf"]


@pytest.mark.parametrize(("what", "total"), [("SimNPO", 60), ("IDK + DPO", 12500)])
def test_a_line_with_notes_fits_a_terminal(
    monkeypatch: pytest.MonkeyPatch, what: str, total: int
) -> None:
    shown = io.StringIO()

    def console(stderr: bool) -> Console:
        return Console(file=shown, force_terminal=True, width=LINE, color_system=None)

    monkeypatch.setattr(module, "Console", console)
    with progress(what, total, NOTE) as advance:
        advance(3, note_of(LOGS))
    lines = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "\n", shown.getvalue()).splitlines()
    (line,) = {line.strip() for line in lines if note_of(LOGS) in line}
    assert len(line) <= LINE and f"3/{total} left " in line and "…" not in line


def test_a_pipe_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "LOG_EVERY", 0.0)
    with progress("Scoring", 3) as advance:
        for _ in range(3):
            advance(1)
    assert re.findall(r"(.*), \d+ s left\n", capsys.readouterr().err) == [
        "Scoring: 1/3",
        "Scoring: 2/3",
    ]


def test_training_shows_the_newest_row_of_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "LOG_EVERY", 0.0)
    bar, state = ShowProgress("SimNPO"), TrainerState(max_steps=4)
    unused: Any = None
    bar.on_train_begin(unused, state, unused)
    bar.on_step_end(unused, state, unused)
    bar.on_log(unused, state, unused, logs=LOGS)
    bar.on_log(unused, state, unused, logs={"train_runtime": 3.0})
    bar.on_step_end(unused, state, unused)
    bar.close()
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert [re.sub(r"\d+ s left", "S left", line) for line in lines[-2:]] == [
        f"SimNPO: 1/4, S left; {note_of(LOGS)}",
        f"SimNPO: 2/4, S left; {note_of(LOGS)}",
    ]
