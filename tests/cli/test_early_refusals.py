"""What depends on options and data alone is refused before a model is loaded or measured."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_data import QUESTIONS, write_rows

from simnpo import models
from simnpo.experiments import jobs, original, own_run, own_sequence

ROWS = [{"question": question, "answer": answer} for question, answer in QUESTIONS]


@pytest.fixture
def refused(
    simnpo: Callable[..., Any],
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., str]:
    """Run `unlearn`, which may load no model, and return what it says in one line."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    for module in (jobs, own_run, models):
        monkeypatch.setattr(module, "load_model", never)
    retain = write_rows(tmp_path / "retain.jsonl", ROWS[4:])

    def run(*options: object, model: Path = model_folder) -> str:
        out = tmp_path / "out"
        sets = ("--retain", retain, "--out", out)
        done = simnpo("unlearn", "--model", model, *sets, *options)
        assert done.code == 1 and not list(tmp_path.glob("out/*"))
        assert done.err.count("\n") == 1, done.err
        return str(done.err)

    return run


@pytest.fixture
def forget(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "forget.jsonl", ROWS[:4])


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "text.jsonl", [{"text": "A long story of a small town."}])


@pytest.fixture
def adapter(tmp_path: Path, model_folder: Path, tokenizer: Any) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    tokenizer.save_pretrained(folder)
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": str(model_folder)})
    )
    return folder


@pytest.mark.parametrize("how", ["--forget", "--requests"])
@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("idk", "plain text has no questions"),
        ("idk_dpo", "plain text has no questions"),
        ("altpo", "plain text has no questions"),
    ],
)
def test_texts_have_no_other_answers(
    refused: Callable[..., str], text: Path, how: str, method: str, words: str
) -> None:
    assert words in refused(how, text, "--method", method)
    assert words in refused(how, text, "--method", method, *(("--no-report",) * (how[2] == "f")))


@pytest.mark.parametrize("how", ["--forget", "--requests"])
def test_launchers_that_shard(
    refused: Callable[..., str],
    forget: Path,
    how: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert "needs unsharded weights" in refused(how, forget)
    assert "--lora-merge needs whole" in refused(how, forget, "--lora-rank", 2, "--lora-merge")
    monkeypatch.delenv("ACCELERATE_USE_FSDP")
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    monkeypatch.setenv("ACCELERATE_DEEPSPEED_ZERO_STAGE", "3")
    assert "needs unsharded weights" in refused(how, forget)
    config = tmp_path / "deepspeed.json"
    config.write_text(json.dumps({"zero_optimization": {"stage": 3}}))
    monkeypatch.setenv("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")
    monkeypatch.setenv("ACCELERATE_DEEPSPEED_CONFIG_FILE", str(config))
    assert "needs unsharded weights" in refused(how, forget)
    monkeypatch.delenv("ACCELERATE_DEEPSPEED_CONFIG_FILE")
    # Stage 2 leaves the weights whole, but some methods train parts that it does not.
    assert "RMU trains three layers" in refused(how, forget, "--method", "rmu", "--layer", 1)


@pytest.mark.parametrize("how", ["--forget", "--requests"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--report-to", "nowhere"), "nowhere"),
        (("--method", "rmu", "--layer", 1, "--lora-rank", 2), "leave out --lora-rank"),
        (("--max-length", 8), "leaves none of its answer"),
        (("--template", "chat"), "no chat template"),
        (("--retain-scores", "no-such-folder"), "does not exist"),
    ],
)
def test_options(
    refused: Callable[..., str],
    forget: Path,
    how: str,
    options: tuple[object, ...],
    words: str,
) -> None:
    assert words in refused(how, forget, *options)


@pytest.mark.parametrize("how", ["--forget", "--requests"])
def test_processes_that_do_not_share_a_batch(
    refused: Callable[..., str], forget: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simnpo.config import TrainingConfig

    accumulation = TrainingConfig.accumulation
    monkeypatch.setattr(TrainingConfig, "accumulation", lambda self, _: accumulation(self, 3))
    assert "does not split evenly over 3 devices" in refused(how, forget)


@pytest.mark.parametrize("how", ["--forget", "--requests"])
def test_an_adapter_on_an_adapter(
    refused: Callable[..., str], forget: Path, adapter: Path, how: str
) -> None:
    said = refused(how, forget, "--lora-rank", 2, model=adapter)
    assert "is itself an adapter" in said and "--lora-merge" in said
    said = refused(how, forget, "--method", "task_vector", model=adapter)
    assert "is a LoRA adapter, and weights are edited whole" in said


def test_four_bits_of_edited_weights(
    refused: Callable[..., str], forget: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--method", "task_vector", "--lora-rank", 2, "--load-in-4bit")
    assert "would round them" in refused("--forget", forget, *options)
    assert "would round them" in refused("--requests", forget, *options)


@pytest.mark.parametrize("how", ["--forget", "--requests"])
def test_sets_that_cannot_be_measured(
    refused: Callable[..., str], forget: Path, text: Path, how: str, tmp_path: Path
) -> None:
    short = write_rows(tmp_path / "short.jsonl", [{"text": "A long story."}, {"text": "x"}])
    assert "fewer than two tokens" in refused(how, text, "--also", f"short={short}")
    assert "some are questions and some are plain texts" in refused("--requests", forget, text)


@pytest.mark.parametrize("how", ["--forget", "--requests"])
def test_a_retrain_measured_on_other_rows(
    simnpo: Callable[..., Any],
    request: pytest.FixtureRequest,
    model_folder: Path,
    forget: Path,
    how: str,
    tmp_path: Path,
    one_prompt: None,
) -> None:
    retain = write_rows(tmp_path / "retain.jsonl", ROWS[4:])
    retrain, own = tmp_path / "retrain", ("--forget", forget, "--retain", retain)
    holdout = write_rows(tmp_path / "held.jsonl", [{"question": "Who?", "answer": "A baker."}])
    done = simnpo("evaluate", "--model", model_folder, *own, "--holdout", holdout, "--out", retrain)
    assert done.code == 0, done.err
    refused = request.getfixturevalue("refused")
    fewer = ("--retain-scores", retrain, "--max-items", 2)
    said = refused(how, forget, *fewer)
    assert "has 4 forget rows, and this model's 2" in said and "--max-items" in said
    other = write_rows(tmp_path / "other.jsonl", [{"question": "Who?", "answer": "A miller."}])
    said = refused(how, forget, "--retain-scores", retrain, "--holdout", other)
    assert "holdout row 0 is another one" in said and "the same --holdout file" in said


@pytest.mark.parametrize("how", ["--forget", "--requests"])
def test_what_the_model_tells_is_refused_before_it_is_measured(
    simnpo: Callable[..., Any],
    model_folder: Path,
    tmp_path: Path,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the model was asked")

    for module in (original, own_sequence):
        monkeypatch.setattr(module, "reference_answers", never)
    retain = write_rows(tmp_path / "retain.jsonl", ROWS[4:])
    long = [{"question": "Who?", "answer": "Ada Vell " * 600}]
    forget = write_rows(tmp_path / "long.jsonl", [*ROWS[:4], *long])
    base = ("unlearn", "--model", model_folder, how, forget, "--retain", retain)
    for options, words in (
        (("--max-length", 4096, "--max-items", 2), "the model was made for 512 at most"),
        (("--method", "rmu", "--layer", 5), "--layer 5: LlamaForCausalLM has 2 decoder layers"),
    ):
        done = simnpo(*base, *options, "--out", tmp_path / "out")
        assert done.code == 1 and words in done.err, done.err
        assert not list(tmp_path.glob("out/*"))
