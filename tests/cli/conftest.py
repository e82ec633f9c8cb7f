"""Running the command in this process, and small files to run it on."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from runs_here import execute_here
from small_data import write_rows

from simnpo.cli.main import main


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


@pytest.fixture(scope="session")
def teach(
    make_llama: Any, tokenizer: Any, examples: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Path]:
    """Make a model that knows all eight rows by heart, as far as a length limit goes."""
    from simnpo.config import TrainingConfig
    from simnpo.methods.registry import METHODS
    from simnpo.training.run import TrainingData, train_model

    training = TrainingConfig(
        epochs=None,
        steps=80,
        learning_rate=5e-3,
        batch_size=8,
        micro_batch_size=8,
        warmup_epochs=0,
        checkpoint_epochs=0,
    )

    def make(max_length: int) -> Path:
        out = tmp_path_factory.mktemp("taught")
        model = make_llama(hidden_size=64, intermediate_size=128, initializer_range=0.02).train()
        data = TrainingData(retain=examples, template="plain", max_length=max_length)
        train_model(model, tokenizer, METHODS["retrain"], data, training, out)
        return out / "model"

    return make


@pytest.fixture(scope="session")
def taught(teach: Callable[[int], Path]) -> Path:
    """A model that knows all eight rows by heart."""
    return teach(512)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Do the runs of a pool in this process; the titles of those that were begun."""
    told: list[str] = []
    monkeypatch.setattr("simnpo.experiments.pool.execute", partial(execute_here, told))
    return told


@pytest.fixture
def one_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """General ability from a single short answer."""
    from functools import partial

    from simnpo.evaluation.general import reference_answers
    from simnpo.experiments import original, own_sequence

    few = partial(reference_answers, prompts=("Name a colour.",), max_new_tokens=2)
    for module in (original, own_sequence):
        monkeypatch.setattr(module, "reference_answers", few)
