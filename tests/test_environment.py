"""Variables of a cluster that look like a launcher's: a process that nobody launched runs alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_data import QUESTIONS, write_rows

from simnpo.system import distributed

DIRECT = """
import sys
from transformers import TrainingArguments
from simnpo import Example, UnlearnTrainer, build_method
from simnpo.models import load_model, load_tokenizer
from small_data import QUESTIONS

model, out = sys.argv[1:]
examples = [Example(*pair) for pair in QUESTIONS]
args = TrainingArguments(out, max_steps=2, per_device_train_batch_size=2, report_to="none")
trainer = UnlearnTrainer(
    load_model(model), args, method=build_method("npo"), processing_class=load_tokenizer(model),
    forget_dataset=examples[:4], retain_dataset=examples[4:],
)
trainer.train()
print("steps", trainer.state.global_step)
"""


def environment(**variables: str) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if name not in distributed.LAUNCHED}
    return {**known, **variables}


def run(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python; waiting for processes that nobody started fails the test."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"WORLD_SIZE": "2"},
        # What a pod of a training operator has, and what a notebook may keep.
        {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"},
        {"LOCAL_RANK": "0"},
    ],
)
def test_a_command_runs_alone_and_says_so(
    model_folder: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    rows = [{"question": question, "answer": answer} for question, answer in QUESTIONS]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    done = run(
        "-m", "simnpo", "finetune", "--model", model_folder, "--data", data, "--epochs", 1,
        "--batch-size", 4, "--out", tmp_path / "out", **variables,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name = next(iter(variables))
    assert done.stderr.count(f"{name}={variables[name]}") == 1
    assert done.stderr.count("so this process runs alone.") == 1
    assert (tmp_path / "out" / "model").is_dir()


def test_the_trainer_alone(model_folder: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    found = run(
        "-c", DIRECT, model_folder, tmp_path / "out", WORLD_SIZE="2", RANK="1", PYTHONPATH=path
    )
    assert found.returncode == 0, found.stderr
    assert "steps 2" in found.stdout


@pytest.mark.parametrize(
    ("variables", "size"),
    [
        ({}, 1),
        ({"WORLD_SIZE": ""}, 1),
        ({"WORLD_SIZE": "two", "RANK": "0", "LOCAL_RANK": "0"}, 1),
        ({"WORLD_SIZE": "4", "RANK": "0"}, 1),
        ({"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}, 4),
    ],
)
def test_how_many_were_launched(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], size: int
) -> None:
    for name in distributed.LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert distributed.launched_size() == size
    # Where there is no group, there is one process.
    assert distributed.world_size() == 1 and distributed.rank() == 0
    with distributed.alone_unless_launched():
        hidden = [name for name in variables if name not in os.environ]
    assert hidden == ([] if size > 1 else [name for name in variables])
    assert all(os.environ[name] == value for name, value in variables.items())
