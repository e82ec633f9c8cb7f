"""A model's own answers to everyday questions, as rows to keep."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from simnpo.benchmarks.everyday_prompts import EVERYDAY
from simnpo.benchmarks.general_prompts import PROMPTS
from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import UserError
from simnpo.jobs import Job
from simnpo.models import load_model, load_tokenizer
from simnpo.objectives import METHODS, build_method
from simnpo.presets import EVERYDAY_ROWS, own_data_preset
from simnpo.scoring.everyday import ANSWERS, MAX_NEW_TOKENS, everyday_answers
from simnpo.training.run import TrainingData
from simnpo.training.terms import build_terms


@pytest.fixture
def model(model_folder: Path) -> Any:
    return load_model(str(model_folder), "fp32")


@pytest.fixture
def encoder(model_folder: Path) -> Encoder:
    return Encoder(load_tokenizer(str(model_folder)), "plain")


def test_none_of_them_is_one_by_which_general_ability_is_measured() -> None:
    assert len(set(EVERYDAY)) == len(EVERYDAY) == EVERYDAY_ROWS
    assert not {one.lower() for one in EVERYDAY} & {one.lower() for one in PROMPTS}


def test_answers_are_the_models_first_choices_and_end_where_it_ended(
    model: Any, encoder: Encoder, tmp_path: Path
) -> None:
    found = everyday_answers(tmp_path, model, encoder, 5)
    assert [encoder.prompt(one) for one in EVERYDAY[:5]] == [one.ids[: one.start] for one in found]
    for one in found:
        with torch.no_grad():
            first = model(torch.tensor([one.ids[:-1]])).logits[0].argmax(-1).tolist()
        answer = one.ids[one.start :]
        ended = answer[-1] == encoder.template.end_id
        assert tuple(first[one.start - 1 :]) == answer
        assert ended or len(answer) == MAX_NEW_TOKENS


def test_a_resumed_run_and_a_later_request_keep_what_the_first_model_said(
    model: Any, encoder: Encoder, tmp_path: Path
) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    found = everyday_answers(first, model, encoder, 3)
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_()
    assert everyday_answers(first, model, encoder, 3) == found
    assert everyday_answers(second, model, encoder, 3, earlier=first) == found
    assert (second / ANSWERS).read_bytes() == (first / ANSWERS).read_bytes()
    other = Encoder(encoder.tokenizer, "llama2")
    asked = everyday_answers(tmp_path / "3", model, other, 3, earlier=first)
    assert asked[0].ids[: asked[0].start] == other.prompt(EVERYDAY[0])


def test_questions_that_do_not_fit_are_left_out(
    model: Any, encoder: Encoder, tmp_path: Path
) -> None:
    longest = len(encoder.prompt(EVERYDAY[0])) + MAX_NEW_TOKENS
    short = Encoder(encoder.tokenizer, "plain", longest)
    found = everyday_answers(tmp_path, model, short, 8)
    fit = [one for one in EVERYDAY[:8] if len(encoder.prompt(one)) + MAX_NEW_TOKENS < longest]
    assert len(found) == len(fit) < 8
    assert all(len(one.ids) <= longest for one in found)


@pytest.mark.parametrize(
    "text", ["{", '{"question": "x"}', '{"question": 1, "ids": 2, "start": 3}']
)
def test_a_damaged_file_is_named(text: str, model: Any, encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / ANSWERS).write_text(text)
    with pytest.raises(UserError, match=r"everyday\.jsonl, everyday answers, cannot be read"):
        everyday_answers(tmp_path, model, encoder, 3)


def test_they_join_the_rows_to_keep_alone(model: Any, encoder: Encoder, tmp_path: Path) -> None:
    everyday = everyday_answers(tmp_path, model, encoder, 4)
    rows = [("Who?", "Me."), ("What?", "This.")]
    examples = [Example(*one) for one in rows]
    forget, retain = build_terms(
        build_method("npo"), examples, examples, encoder, everyday=everyday
    )
    assert len(forget) == 2 and len(retain) == 6
    assert next(iter(retain.encoded.values()))[2:] == everyday


def test_own_data_has_them_where_a_method_forgets_and_keeps() -> None:
    for name, method in METHODS.items():
        rows = own_data_preset(name, 30, 10**8, lora=False).training.everyday_rows
        assert rows == (EVERYDAY_ROWS if method.forget and method.retain else 0)


def test_a_job_trains_on_them_and_keeps_them_in_its_folder(
    model_folder: Path, examples: Any, tmp_path: Path
) -> None:
    training = TrainingConfig(epochs=None, steps=3, batch_size=2, learning_rate=1e-3)
    data = TrainingData(forget=examples[:2], retain=examples[2:])
    job = Job("unlearn", str(model_folder), build_method("npo"), data, training)
    job.carry_out(tmp_path / "without")
    job = replace(job, training=replace(training, everyday_rows=6))
    job.carry_out(tmp_path / "with")
    rows = (tmp_path / "with" / ANSWERS).read_text().splitlines()
    assert [json.loads(one)["question"] for one in rows] == list(EVERYDAY[:6])
    assert not (tmp_path / "without" / ANSWERS).exists()
    models = [load_model(str(tmp_path / one), "fp32").state_dict() for one in ("with", "without")]
    assert any(not torch.equal(one, models[1][name]) for name, one in models[0].items())
    job.carry_out(tmp_path / "with")  # another run there asks anew
    assert (tmp_path / "with" / ANSWERS).is_file()


def test_methods_without_a_retain_set_refuse_them(
    model_folder: Path, examples: Any, tmp_path: Path
) -> None:
    training = TrainingConfig(everyday_rows=3)
    job = Job("unlearn", str(model_folder), build_method("ga"), TrainingData(examples), training)
    with pytest.raises(UserError, match="--everyday-rows 3 joins a retain set, and GA does not"):
        job.carry_out(tmp_path / "out")
