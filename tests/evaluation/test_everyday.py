"""A model's own answers to everyday questions, which are kept by their KL divergence."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from simnpo.benchmarks.everyday_prompts import EVERYDAY
from simnpo.benchmarks.example_questions import EXAMPLE_QUESTIONS
from simnpo.benchmarks.general_prompts import PROMPTS
from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import UserError
from simnpo.evaluation import everyday
from simnpo.evaluation.everyday import FILE, MAX_NEW_TOKENS, everyday_answers
from simnpo.evaluation.general_reference import GeneralReference
from simnpo.experiments.jobs import Job
from simnpo.methods.losses import METHODS, build_method
from simnpo.models import load_model, load_tokenizer
from simnpo.training.run import TrainingData
from simnpo.training.terms import EVERYDAY as TERM
from simnpo.training.terms import build_terms


@pytest.fixture
def model(model_folder: Path) -> Any:
    return load_model(str(model_folder), "fp32")


@pytest.fixture
def encoder(model_folder: Path) -> Encoder:
    return Encoder(load_tokenizer(str(model_folder)), "plain")


def answers(folder: Path, model: Any, encoder: Encoder, **given: Any) -> GeneralReference:
    folder.mkdir(exist_ok=True)
    found = everyday_answers(folder, model, encoder, **given)
    assert found is not None
    return found


def test_they_are_neither_taught_by_the_example_nor_what_general_ability_is_measured_by() -> None:
    sets = [{one.lower() for one in each} for each in (EVERYDAY, EXAMPLE_QUESTIONS, PROMPTS)]
    assert [len(one) for one in sets] == [len(EVERYDAY), len(EXAMPLE_QUESTIONS), len(PROMPTS)]
    assert len(set.union(*sets)) == 3 * 64


def test_answers_are_the_models_first_choices(model: Any, encoder: Encoder, tmp_path: Path) -> None:
    found = answers(tmp_path / "out", model, encoder)
    assert [encoder.prompt(one) for one in EVERYDAY] == [
        one.ids[: one.start] for one in found.encoded
    ]
    for one in found.encoded[:5]:
        with torch.no_grad():
            first = model(torch.tensor([one.ids[:-1]])).logits[0].argmax(-1).tolist()
        assert tuple(first[one.start - 1 :]) == one.ids[one.start :]


def test_a_resumed_run_and_a_later_request_keep_what_the_first_model_answered(
    model: Any, encoder: Encoder, tmp_path: Path
) -> None:
    first, second, other = (tmp_path / name for name in ("1", "2", "3"))
    found = answers(first, model, encoder)
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_()
    assert answers(first, model, encoder).answers == found.answers
    assert answers(second, model, encoder, earlier=first).answers == found.answers
    assert (second / FILE).read_bytes() == (first / FILE).read_bytes()
    llama = Encoder(encoder.tokenizer, "llama2")
    asked = answers(other, model, llama, earlier=first)
    assert asked.encoded[0].ids[: asked.encoded[0].start] == llama.prompt(EVERYDAY[0])


def test_questions_that_do_not_fit_are_left_out(
    model: Any, encoder: Encoder, tmp_path: Path
) -> None:
    longest = len(encoder.prompt(EVERYDAY[0])) + MAX_NEW_TOKENS
    short = Encoder(encoder.tokenizer, "plain", longest)
    found = answers(tmp_path / "out", model, short)
    fit = [one for one in EVERYDAY if len(encoder.prompt(one)) + MAX_NEW_TOKENS <= longest]
    assert list(found.prompts) == fit and 0 < len(fit) < 64
    none = Encoder(encoder.tokenizer, "plain", MAX_NEW_TOKENS)
    assert everyday_answers(tmp_path / "out", model, none) is None


def test_answers_that_identify_somebody_are_left_out(
    model: Any, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with the distributions at its own tokens."""
    whole = answers(tmp_path / "1", model, encoder)
    told = {whole.answers[2], whole.answers[5]}
    monkeypatch.setattr(everyday, "identifiers_of", lambda text: ("a@b.org",) * (text in told))
    found = answers(tmp_path / "2", model, encoder)
    rows = [row for row, one in enumerate(whole.answers) if one not in told]
    assert 0 < len(rows) < 64 and list(found.prompts) == [whole.prompts[row] for row in rows]
    for parts, all_parts in zip(found.by_row(), whole.by_row(), strict=True):
        for part, row in zip(parts, rows, strict=True):
            assert torch.equal(part, all_parts[row])
    assert answers(tmp_path / "2", model, encoder).prompts == found.prompts
    monkeypatch.setattr(everyday, "identifiers_of", lambda text: ("a@b.org",))
    (tmp_path / "3").mkdir()
    assert everyday_answers(tmp_path / "3", model, encoder) is None


def test_a_damaged_file_is_named(model: Any, encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(UserError, match=r"everyday\.safetensors"):
        everyday_answers(tmp_path, model, encoder)


def test_they_are_a_term_of_their_own(model: Any, encoder: Encoder, tmp_path: Path) -> None:
    everyday = answers(tmp_path / "out", model, encoder)
    examples = [Example("Who?", "Me."), Example("What?", "This.")]
    method = build_method("npo")
    forget, retain, kept = build_terms(
        method, examples, examples, encoder, everyday=everyday, everyday_weight=7
    )
    assert len(forget) == len(retain) == 2 and len(kept) == 64
    assert (kept.name, kept.weight) == (TERM, 7)


def test_methods_that_take_them_forget_and_keep_in_all_layers() -> None:
    taking = {name for name, method in METHODS.items() if method.takes_everyday}
    assert {"simnpo", "npo", "idk", "rkld"} <= taking
    assert not {"ga", "retrain", "rmu", "undial"} & taking


def test_a_job_trains_on_them_and_keeps_them_in_its_folder(
    model_folder: Path, examples: Any, tmp_path: Path
) -> None:
    training = TrainingConfig(epochs=None, steps=16, batch_size=2, learning_rate=3e-3)
    data = TrainingData(forget=examples[:2], retain=examples[2:])
    job = Job("unlearn", str(model_folder), build_method("npo"), data, training)
    job.execute(tmp_path / "without")
    assert not (tmp_path / "without" / FILE).exists()
    job = replace(job, training=replace(training, everyday_weight=30))
    job.execute(tmp_path / "with")
    assert "everyday_loss" in (tmp_path / "with" / "log.jsonl").read_text()
    before = GeneralReference.load(tmp_path / "with" / FILE)
    moved = {name: _distance(tmp_path / name / "model", before) for name in ("without", "with")}
    assert 0 < moved["with"] < moved["without"] / 2
    job.execute(tmp_path / "with")  # another run there asks anew
    assert (tmp_path / "with" / FILE).is_file()


def _distance(folder: Path, before: GeneralReference) -> float:
    from simnpo.evaluation.general import general_ability

    return general_ability(load_model(str(folder), "fp32").eval(), before).mean_kl


def test_methods_without_a_retain_loss_refuse_them(
    model_folder: Path, examples: Any, tmp_path: Path
) -> None:
    training = TrainingConfig(everyday_weight=3)
    job = Job("unlearn", str(model_folder), build_method("ga"), TrainingData(examples), training)
    with pytest.raises(UserError, match="--everyday-weight 3 is for methods with a forget"):
        job.execute(tmp_path / "out")
