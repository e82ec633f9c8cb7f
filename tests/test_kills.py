"""A run that is killed before any change of a file, and resumed, ends like one that was not."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from crash_points import KILLED, contents, differences, run_forked
from small_data import QUESTIONS, write_rows

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="forks")
POINTS = 6


def test_a_killed_run_leaves_the_same_files_once_it_is_resumed(
    model_folder: Path, tmp_path: Path
) -> None:
    """Weights, log, history, records, list of files: all but times."""
    rows = [{"question": question, "answer": answer} for question, answer in QUESTIONS]
    sets = [
        *("--forget", write_rows(tmp_path / "forget.jsonl", rows[:4])),
        *("--retain", write_rows(tmp_path / "retain.jsonl", rows[4:])),
    ]
    # Rows of the log that span checkpoints, and checkpoints that span epochs' records.
    options = ["--method", "npo", "--epochs", 3, "--batch-size", 2, "--learning-rate", 1e-3]
    watched = ["--record-weights", "--evaluate-epochs", 1, "--no-report"]
    out = tmp_path / "out"
    command: list[Any] = ["unlearn", "--model", model_folder, *sets, *options, *watched]
    command += ["--out", out]
    code, changes = run_forked(command, out)
    assert code == 0, (tmp_path / "crash.log").read_text()
    wanted = contents(out)
    assert {"log.jsonl", "history.jsonl", "weights.parquet"} < set(wanted)
    for number in range(POINTS):
        at = (2 * number + 1) * changes // (2 * POINTS)
        shutil.rmtree(out)
        assert run_forked(command, out, at)[0] == KILLED
        begun = (out / "run.json").is_file()
        code, _ = run_forked([*command, "--resume"] if begun else command, out)
        log = (tmp_path / "crash.log").read_text()[-1500:]
        assert code == 0, log
        assert differences(contents(out), wanted) == [], f"killed at {at} of {changes}: {log}"
