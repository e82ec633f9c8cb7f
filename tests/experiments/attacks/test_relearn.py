"""Relearning: what the attacker holds, what is measured, and how it goes on after a kill."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simnpo.benchmarks.presets import relearning_preset, unlearning_preset
from simnpo.benchmarks.tofu import tofu
from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import TrainingDiverged, UserError
from simnpo.evaluation.evaluate import evaluate_model
from simnpo.evaluation.history import read_history
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.experiments.attacks import relearn
from simnpo.experiments.attacks.relearn import Relearning, run_relearning, select_examples
from simnpo.experiments.attacks.targets import Target, targets

TRAINING = TrainingConfig(
    epochs=2, learning_rate=1e-2, batch_size=1, micro_batch_size=1, warmup_epochs=0,
    schedule="constant", precision="fp32", checkpoint_epochs=0,
)  # fmt: skip


@pytest.fixture
def target(model_folder: Path) -> Target:
    (one,) = targets([str(model_folder)], None, "fp32", "auto", 512, False)
    return one


@pytest.fixture
def attack(target: Target, tofu_folder: Path) -> Relearning:
    """Two runs on what needs no generated answer."""
    benchmark = tofu("forget05", str(tofu_folder))
    sets = {name: replace(one, max_new_tokens=0) for name, one in benchmark.evaluation.items()}
    benchmark = replace(benchmark, evaluation=sets)
    return Relearning((target,), benchmark, 0.5, ("random", "shortest"), (1,), TRAINING)


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
    attack: Relearning, target: Target, tofu_folder: Path, tmp_path: Path
) -> None:
    attack = replace(attack, benchmark=tofu("forget05", str(tofu_folder)))
    curve = run_relearning(attack, tmp_path, None)
    model, tokenizer = target.load()
    tables = evaluate_model(model, target.encoder(tokenizer), attack.benchmark)
    expected = measure("tofu", SuiteInputs(tables, None, split="forget05")).metrics
    for (_, _), own in curve[curve["step"] == 0].groupby(["series", "seed"]):
        found = dict(zip(own["metric"], own["value"], strict=True))
        known = {key: value for key, value in expected.items() if value is not None}
        assert {key: found[key] for key in known} == known
        assert set(found) == set(expected)
    assert set(curve["step"]) == {0, 1, 2}
    relearned = curve[curve["metric"] == "forget.probability"].pivot_table(
        index=["series", "seed"], columns="step", values="value"
    )
    assert (relearned[2] > relearned[0]).all()
    assert len(relearned) == 2
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".safetensors", ".bin")]
    assert not list(tmp_path.rglob("checkpoint-*"))


def test_a_killed_attack_ends_as_an_uninterrupted_one(
    attack: Relearning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_relearning(attack, tmp_path / "whole", None)
    measured: list[float] = []
    measure_now = relearn.EvaluateWhileTraining._measure

    def killed(self: Any, model: Any, epoch: float) -> None:
        measured.append(epoch)
        if len(measured) == 5:  # in the second epoch of the second run
            raise RuntimeError("killed")
        measure_now(self, model, epoch)

    monkeypatch.setattr(relearn.EvaluateWhileTraining, "_measure", killed)
    with pytest.raises(RuntimeError, match="killed"):
        run_relearning(attack, tmp_path / "cut", None)
    assert measured == [0, 1, 2, 1, 2]  # before the attack the first run measures for all
    monkeypatch.setattr(
        relearn.EvaluateWhileTraining,
        "_measure",
        lambda self, model, epoch: (measured.append(epoch), measure_now(self, model, epoch)),
    )
    finished = (tmp_path / "cut").glob("*/random-1/history.jsonl")
    before = [path.read_bytes() for path in finished]
    again = run_relearning(attack, tmp_path / "cut", None)
    assert measured[5:] == [1, 2]
    pd.testing.assert_frame_equal(again, whole)
    assert [path.read_bytes() for path in (tmp_path / "cut").glob("*/random-1/history.jsonl")] == (
        before
    )


def test_the_seed_orders_the_shortest_anew(attack: Relearning, tmp_path: Path) -> None:
    attack = replace(attack, selects=("shortest",), seeds=(1, 2))
    curve = run_relearning(attack, tmp_path, None)
    ends = curve[(curve["step"] == 2) & (curve["metric"] == "forget.probability")]
    assert ends["value"].nunique() == 2


def test_divergence_leaves_no_weights(attack: Relearning, tmp_path: Path) -> None:
    wild = replace(
        attack, selects=("random",), training=replace(TRAINING, learning_rate=1e5, max_grad_norm=0)
    )
    with pytest.raises(TrainingDiverged, match="lower --learning-rate"):
        run_relearning(wild, tmp_path, None)
    assert not list(tmp_path.rglob("*.safetensors"))
    assert read_history(next(tmp_path.rglob("history.jsonl")))[0]["epoch"] == 0


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01, float("nan")])
def test_fractions_out_of_range(attack: Relearning, fraction: float) -> None:
    with pytest.raises(UserError, match=f"--fraction {fraction}"):
        replace(attack, fraction=fraction)


def test_the_attack_trains_at_unlearnings_rate() -> None:
    paper = relearning_preset("tofu", "forget05")
    assert (paper.epochs, paper.learning_rate) == (3, 1e-5)  # the paper, sec. 6.1
    mini = relearning_preset("mini-tofu", "forget10")
    assert (
        mini.learning_rate
        == unlearning_preset("mini-tofu", "forget10", "npo").training.learning_rate
    )
    assert mini.learning_rate > paper.learning_rate


def test_half_epochs_are_refused(attack: Relearning) -> None:
    with pytest.raises(UserError, match=r"--epochs 1\.5"):
        replace(attack, training=replace(TRAINING, epochs=1.5))
