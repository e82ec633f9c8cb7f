"""Relearning: what the attacker holds, what is measured, and how it goes on after a kill."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simnpo.benchmarks.presets import relearning_preset, unlearning_preset
from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import TrainingDiverged, UserError
from simnpo.evaluation.evaluate import evaluate_model
from simnpo.evaluation.history import read_history
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.experiments.attacks.relearn import Relearn
from simnpo.experiments.attacks.results import curve_of
from simnpo.experiments.attacks.setup import AttackSetup
from simnpo.experiments.attacks.targets import targets
from simnpo.experiments.external_model import ExternalModel
from simnpo.experiments.relearn_run import select_examples
from simnpo.experiments.run import with_needs
from simnpo.models import load_model, load_tokenizer
from simnpo.training.evaluate_callback import EvaluateWhileTraining

TRAINING = TrainingConfig(
    epochs=2, learning_rate=1e-2, batch_size=1, micro_batch_size=1, warmup_epochs=0,
    schedule="constant", precision="fp32", checkpoint_epochs=0,
)  # fmt: skip


ATTACK = Relearn(0.5, ("random", "shortest"), 1, replace(TRAINING, seed=1))
"""Two runs."""


@pytest.fixture
def setup(tofu_folder: Path) -> AttackSetup:
    """What needs no generated answer."""
    data = str(tofu_folder)
    return AttackSetup("tofu", "forget05", data, scores_only=True, measured_in="fp32")


@pytest.fixture
def target(model_folder: Path, setup: AttackSetup) -> ExternalModel:
    (one,) = targets([str(model_folder)], None, None, setup)
    return one


def relearned(attack: Relearn, target: ExternalModel, home: Path) -> pd.DataFrame:
    """Do the runs in this process."""
    for run in with_needs(one.run for one in attack.runs(target)):
        run.ensure(home)
    return curve_of(attack, [target], home)


def test_the_shortest_answers_are_counted_in_tokens(tokenizer: Any, examples: Any) -> None:
    encoder = Encoder(tokenizer)
    lengths = [encoder.encode(*one[:2]).answer_length for one in examples]
    chosen = select_examples(examples, encoder, 0.25, "shortest", seed=1)
    assert sorted(encoder.encode(*one[:2]).answer_length for one in chosen) == sorted(lengths)[:2]
    assert chosen == select_examples(examples, encoder, 0.25, "shortest", seed=2)
    tie = [Example("a?", "same"), Example("b?", "longer by far"), Example("c?", "same")]
    assert select_examples(tie, encoder, 0.34, "shortest", seed=0) == (tie[0],)


def test_a_text_is_as_long_as_all_its_pieces(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, max_length=8)
    long = Example(None, "Cy Odell was born in Hask, a town of nine bridges. " * 3)
    short = Example(None, "Cy Odell was born in Hask, a town of nine")
    assert select_examples([long, short], encoder, 0.5, "shortest", seed=0) == (short,)


def test_a_random_part_is_drawn_by_the_seed(tokenizer: Any, examples: Any) -> None:
    encoder = Encoder(tokenizer)
    drawn = [select_examples(examples, encoder, 0.5, "random", seed) for seed in range(20)]
    assert drawn[0] == select_examples(examples, encoder, 0.5, "random", 0)
    assert all(len(set(one)) == 4 for one in drawn)
    assert len(set(drawn)) > 10
    assert {one for part in drawn for one in part} == set(examples)
    in_order = [tuple(one for one in examples if one in part) for part in drawn]
    assert drawn == in_order
    assert len(select_examples(examples, encoder, 0.01, "random", 0)) == 1


def test_epoch_0_is_the_evaluation_and_no_model_is_kept(
    setup: AttackSetup, model_folder: Path, tmp_path: Path
) -> None:
    (target,) = targets([str(model_folder)], None, None, replace(setup, scores_only=False))
    curve = relearned(ATTACK, target, tmp_path)
    benchmark = target.site.load()
    model = load_model(str(model_folder), "fp32")
    tables = evaluate_model(model, Encoder(load_tokenizer(str(model_folder))), benchmark)
    expected = measure("tofu", SuiteInputs(tables, None, split="forget05")).metrics
    for (_, _), own in curve[curve["step"] == 0].groupby(["series", "seed"]):
        found = dict(zip(own["metric"], own["value"], strict=True))
        known = {key: value for key, value in expected.items() if value is not None}
        assert {key: found[key] for key in known} == known
        assert set(found) == set(expected)
    assert set(curve["step"]) == {0, 1, 2}
    taught = curve[curve["metric"] == "forget.probability"].pivot_table(
        index=["series", "seed"], columns="step", values="value"
    )
    assert (taught[2] > taught[0]).all()
    assert len(taught) == 2
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".safetensors", ".bin")]
    assert not list(tmp_path.rglob("checkpoint-*"))


def test_epoch_0_is_measured_where_the_evaluation_was_in_another_precision(
    setup: AttackSetup, target: ExternalModel, model_folder: Path, tmp_path: Path
) -> None:
    coarse = replace(setup, measured_in="bf16")
    (other,) = targets([str(model_folder)], None, None, coarse)
    attack = replace(ATTACK, select=("random",))
    one, two = (relearned(attack, model, tmp_path / model.key) for model in (target, other))
    pd.testing.assert_frame_equal(one, two)


def test_a_killed_attack_ends_as_an_uninterrupted_one(
    target: ExternalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = relearned(ATTACK, target, tmp_path / "whole")
    measured: list[float] = []
    measure_now = EvaluateWhileTraining._measure

    def killed(self: Any, model: Any, epoch: float) -> None:
        measured.append(epoch)
        if len(measured) == 4:  # in the second epoch of the second run
            raise RuntimeError("killed")
        measure_now(self, model, epoch)

    monkeypatch.setattr(EvaluateWhileTraining, "_measure", killed)
    with pytest.raises(RuntimeError, match="killed"):
        relearned(ATTACK, target, tmp_path / "cut")
    assert measured == [1, 2, 1, 2]  # before the attack the model's evaluation measures for all
    monkeypatch.setattr(
        EvaluateWhileTraining,
        "_measure",
        lambda self, model, epoch: (measured.append(epoch), measure_now(self, model, epoch)),
    )
    finished = "relearning-random-draw-1-*/history.jsonl"
    before = [path.read_bytes() for path in (tmp_path / "cut").glob(finished)]
    assert len(before) == 1
    again = relearned(ATTACK, target, tmp_path / "cut")
    assert measured[4:] == [1, 2]
    pd.testing.assert_frame_equal(again, whole)
    assert [path.read_bytes() for path in (tmp_path / "cut").glob(finished)] == before


def test_the_seed_orders_the_shortest_anew(target: ExternalModel, tmp_path: Path) -> None:
    attack = replace(ATTACK, select=("shortest",), seeds=2)
    curve = relearned(attack, target, tmp_path)
    assert set(curve["seed"]) == {1, 2}
    ends = curve[(curve["step"] == 2) & (curve["metric"] == "forget.probability")]
    assert ends["value"].nunique() == 2


def test_divergence_leaves_no_weights(target: ExternalModel, tmp_path: Path) -> None:
    training = replace(TRAINING, learning_rate=1e5, max_grad_norm=0)
    wild = replace(ATTACK, select=("random",), training=training)
    with pytest.raises(TrainingDiverged, match="lower ``learning_rate``"):
        relearned(wild, target, tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))
    assert read_history(next(tmp_path.rglob("history.jsonl")))[0]["epoch"] == 0


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01, float("nan")])
def test_fractions_out_of_range(fraction: float) -> None:
    with pytest.raises(UserError, match=f"``fraction`` {fraction}"):
        replace(ATTACK, fraction=fraction).check()


def test_the_attack_trains_at_unlearnings_rate() -> None:
    paper = relearning_preset("tofu", "forget05")
    assert (paper.epochs, paper.learning_rate) == (3, 1e-5)  # the paper, sec. 6.1
    mini = relearning_preset("mini-tofu", "forget10")
    assert (
        mini.learning_rate
        == unlearning_preset("mini-tofu", "forget10", "npo").training.learning_rate
    )
    assert mini.learning_rate > paper.learning_rate


def test_half_epochs_are_refused() -> None:
    with pytest.raises(UserError, match=r"``epochs=1\.5``"):
        replace(ATTACK, training=replace(TRAINING, epochs=1.5)).check()


def test_the_key_holds_what_the_result_depends_on(
    setup: AttackSetup, target: ExternalModel, model_folder: Path
) -> None:
    def keys(attack: Relearn, model: ExternalModel) -> set[str]:
        return {one.run.key for one in attack.runs(model)}

    known = keys(ATTACK, target)
    assert known == keys(replace(ATTACK), replace(target))
    changed = [
        keys(replace(ATTACK, fraction=0.4), target),
        keys(replace(ATTACK, training=replace(ATTACK.training, weight_decay=0.5)), target),
    ]
    for other in (
        replace(setup, scores_only=False),
        replace(setup, max_length=64),
        replace(setup, template="Q: {question}\nA: {answer}"),
        replace(setup, measured_in="bf16"),
    ):
        changed += [keys(ATTACK, one) for one in targets([str(model_folder)], None, None, other)]
    changed.append(keys(ATTACK, replace(target, is_retrain=True)))
    assert not any(known & one for one in changed)
