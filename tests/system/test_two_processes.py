"""Two processes (gloo) do what one does: training, resumption, evaluation, and one voice."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import torch
import two_processes
from safetensors.torch import load_file

from simnpo.cli.main import main


class Pair(NamedTuple):
    """Folders with the results of one process and of two, and what the two printed."""

    one: Path
    two: Path
    out: str


def launch(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python in two processes by torchrun; a hang fails the test."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={port}"]
    command = [sys.executable, *launcher, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def pair(model_folder: Path, tofu_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """All the work, once in two processes and once in this one."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    done = launch(two_processes.__file__, two, model_folder, tofu_folder)
    assert done.returncode == 0, done.stderr
    for case in two_processes.CASES:
        two_processes.train(model_folder, one / case, case)
    return Pair(one, two, done.stdout)


def assert_same_weights(one: Path, two: Path) -> None:
    expected, found = (load_file(out / "model" / "model.safetensors") for out in (one, two))
    assert expected.keys() == found.keys()
    for name, weights in expected.items():
        torch.testing.assert_close(found[name], weights, rtol=0, atol=2e-6)


@pytest.mark.parametrize("case", sorted(two_processes.CASES))
def test_training_equals_one_process(pair: Pair, case: str) -> None:
    assert_same_weights(pair.one / case, pair.two / case)
    logs = [
        [json.loads(line) for line in (out / case / "log.jsonl").read_text().splitlines()]
        for out in (pair.one, pair.two)
    ]
    assert [row["step"] for row in logs[0]] == [row["step"] for row in logs[1]]
    for one, two in zip(*logs, strict=True):
        for key in ("loss", "grad_norm", "learning_rate", "forget_loss", "retain_loss"):
            assert (key in two) == (key in one)
            if key in one:
                assert two[key] == pytest.approx(one[key], rel=1e-4)


def test_both_processes_take_up_the_best_state(pair: Pair) -> None:
    out = pair.two / "controlled"
    one, two = ((out / f"weights_{rank}").read_text() for rank in range(2))
    assert one == two and one.startswith("((6, 2, False, True), ")
    best = load_file(out / ".best" / "step-2.safetensors")
    saved = load_file(out / "model" / "model.safetensors")
    assert all(torch.equal(weights, saved[name]) for name, weights in best.items())


def test_an_interrupted_run_ends_as_the_whole_one(pair: Pair) -> None:
    for rank in range(2):
        message = (pair.two / f"interrupted_{rank}").read_text()
        assert message.startswith("stopped at step 3 of 6; ")
    assert_same_weights(pair.one / "npo", pair.two / "cut")


def test_every_item_is_evaluated_once(pair: Pair, model_folder: Path, tofu_folder: Path) -> None:
    expected = two_processes.tables(model_folder, tofu_folder)
    assert len(expected[1]) % 2 == 1  # an odd number of items
    for name, table in zip(("scores", "generations"), expected, strict=True):
        for rank in range(2):
            found = pd.read_parquet(pair.two / "found" / f"{name}_{rank}.parquet")
            pd.testing.assert_frame_equal(found, table, rtol=1e-6, atol=1e-6)


def test_commands_write_and_speak_once(
    pair: Pair, model_folder: Path, tofu_folder: Path, tmp_path: Path
) -> None:
    watched = pair.two / "watched"
    assert pair.out.count(f"Model: {watched / 'model'}") == 1
    assert pair.out.count(f"Results: {pair.two / 'evaluation'}") == 1
    assert pair.out.count("both are done") == 1
    record = json.loads((watched / "run.json").read_text())
    assert record["status"] == "finished" and record["processes"] == 2
    assert not list(watched.glob("checkpoint-*"))
    history = [json.loads(line) for line in (watched / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [0, 1]
    benchmark = ["--benchmark", "tofu", "--split", "forget05", "--data-dir", str(tofu_folder)]
    common = ["--model", str(model_folder), *benchmark]
    assert main(["evaluate", *common, "--out", str(tmp_path)]) == 0
    one, two = (
        json.loads((folder / "summary.json").read_text())["metrics"]
        for folder in (tmp_path, pair.two / "evaluation")
    )
    missing = {name for name, value in one.items() if value is None}
    assert missing == {name for name, value in two.items() if value is None}
    known = one.keys() - missing
    assert {name: two[name] for name in known} == pytest.approx(
        {name: one[name] for name in known}, rel=1e-6
    )


def test_over_fitting_first_equals_one_process(
    pair: Pair, model_folder: Path, tofu_folder: Path
) -> None:
    benchmark = ["--benchmark", "tofu", "--split", "forget05", "--data-dir", str(tofu_folder)]
    for arguments in two_processes.reinforced(pair.one):
        assert main(["unlearn", "--model", str(model_folder), *benchmark, *arguments]) == 0
    for name in ("vector", "vector/reinforced", "rkld"):
        assert_same_weights(pair.one / name, pair.two / name)
        assert pair.out.count(f"Model: {pair.two / name / 'model'}") == 1


def test_one_process_reports_a_mistake(model_folder: Path, tmp_path: Path) -> None:
    wrong = ["--data", tmp_path / "none.jsonl", "--out", tmp_path / "run"]
    done = launch("-m", "simnpo", "finetune", "--model", model_folder, *wrong)
    assert done.returncode != 0
    assert done.stderr.count("simnpo: error: ") == 1
    assert done.stderr.count("none.jsonl does not exist") == 1
    assert not (tmp_path / "run").exists()


def test_only_some_commands_take_several_processes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simnpo.cli.main.world_size", lambda: 2)
    assert main(["demo"]) == 1
    assert "demo runs in one process" in capsys.readouterr().err
