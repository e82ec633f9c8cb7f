"""Runs that end at their target with their best state, undisturbed or killed and resumed."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from simnpo.config import LoraConfig, TrainingConfig
from simnpo.errors import Interrupted, UserError
from simnpo.experiments.jobs import Job
from simnpo.methods.registry import build_method
from simnpo.storage.ownership import LIST
from simnpo.training.control import CONTROL, Control, Point, Target
from simnpo.training.run import TrainingData, train_model
from simnpo.training.states import START as START_STATE
from simnpo.training.states import STATES

CONFIG = TrainingConfig(  # 2 steps an epoch, 6 in all
    epochs=3,
    learning_rate=1e-2,
    batch_size=2,
    micro_batch_size=1,
    warmup_epochs=0,
    precision="fp32",
)
ORIGINAL, START = Point(1.0, 0.8, 0.9, 1.0), Point(0.9, 0.7, 0.9, 1.0)
HALF, NEARER, NEAR = (Point(left, left * 0.8, 0.9, 1.0) for left in (0.5, 0.4, 0.3))
DONE, BROKEN = Point(0.0, 0.1, 0.9, 1.0), Point(0.0, 0.0, 0.1, 0.1)
UP_AND_DOWN = (ORIGINAL, START, HALF, NEARER, BROKEN, NEAR, BROKEN)
REACHED = (ORIGINAL, START, HALF, BROKEN, NEARER, DONE)


def checksum(model: Any) -> float:
    return sum(float(p.detach().double().abs().sum()) for p in model.parameters())


class Scripted:
    """Points in the order of a script, remembered by the weights that got them."""

    def __init__(self, *script: Point):
        self.script, self.known = script, dict[float, Point]()

    def __call__(self, model: Any) -> Point:
        assert not model.training and not torch.is_grad_enabled()
        torch.rand(3)  # a measurement that draws numbers may not change what is trained
        found = checksum(model)
        if found not in self.known:
            self.known[found] = self.script[len(self.known)]
        return self.known[found]


class Note(TrainerCallback):
    """Keeps the trained weights after every step."""

    def __init__(self) -> None:
        self.weights = dict[int, dict[str, torch.Tensor]]()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        named = kwargs["model"].named_parameters()
        self.weights[state.global_step] = {
            name: p.detach().clone() for name, p in named if p.requires_grad
        }


class Kill(TrainerCallback):
    """Fails at a step's end, before its checkpoint and after it was measured, or at the end."""

    def __init__(self, step: int | None = None):
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise RuntimeError("killed")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.step is None:
            raise RuntimeError("killed")


@pytest.fixture
def run(make_llama: Any, tokenizer: Any, examples: Any) -> Callable[..., Any]:
    def train(
        out: Path,
        measure: Any,
        *callbacks: TrainerCallback,
        target: Target | None = None,
        config: TrainingConfig = CONFIG,
        **options: Any,
    ) -> tuple[dict[str, Any], Control, Any]:
        control = Control(
            measure,
            out,
            target or Target(),
            training_tokens_per_step=100,
            scored_tokens=1,
            times=options.pop("times", 6),
            before=options.pop("before", None),
            scale_back=options.pop("scale_back", False),
        )
        model = make_llama()
        data = TrainingData(forget=examples[:4], retain=examples[4:])
        options |= {"callbacks": [control, *callbacks]}
        results = train_model(model, tokenizer, build_method("npo"), data, config, out, **options)
        return results, control, model

    return train


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / CONTROL).read_text().splitlines()]


def same(one: Any, other: Any) -> bool:
    named = dict(other)  # of the model in peft's wrapper, which adds to the names
    return all(
        torch.equal(value, named[name.removeprefix("base_model.model.")])
        for name, value in dict(one).items()
    )


def test_a_run_stops_at_its_target(tmp_path: Path, run: Any) -> None:
    note = Note()
    results, control, model = run(tmp_path, Scripted(*REACHED), note)
    assert (results["steps"], results["planned_steps"]) == (5, 6)
    assert control.outcome()[:4] == (5, 5, True, True)
    assert [row["step"] for row in rows(tmp_path)] == list(range(6))
    assert Point(**{k: v for k, v in rows(tmp_path)[4].items() if k != "step"}) == NEARER
    assert same(note.weights[5], model.named_parameters())
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in logged if "loss" in row] == [2, 4, 5]


def test_a_target_that_costs_too_much_is_no_reason_to_stop(tmp_path: Path, run: Any) -> None:
    results, control, _ = run(tmp_path, Scripted(ORIGINAL, BROKEN, DONE), times=2)
    assert results["steps"] == 6 and list(control.outcome().points) == [0, 3, 6]


def test_until_the_end(tmp_path: Path, run: Any) -> None:
    script = Scripted(ORIGINAL, DONE, NEAR, NEAR, NEAR, NEAR, NEAR)
    results, control, _ = run(tmp_path, script, target=Target("end"))
    assert results["steps"] == 6 and control.outcome()[:4] == (6, 1, True, True)


@pytest.mark.parametrize("rank", [0, 2])
def test_the_best_state_is_put_back_bit_by_bit(tmp_path: Path, run: Any, rank: int) -> None:
    note = Note()
    config = replace(CONFIG, gradient_checkpointing=True)
    lora = LoraConfig(rank=rank)
    _, control, model = run(tmp_path, Scripted(*UP_AND_DOWN), note, config=config, lora=lora)
    assert control.outcome()[:4] == (6, 5, False, True)
    assert same(note.weights[5], model.named_parameters())
    assert not same(note.weights[6], model.named_parameters())
    (state,) = (tmp_path / STATES).iterdir()
    assert state.name == "step-5.safetensors" and load_file(state).keys() == note.weights[5].keys()
    assert ("lora_" in next(iter(note.weights[5]))) == bool(rank)


def test_measuring_does_not_change_what_is_trained(
    tmp_path: Path, run: Any, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    _, _, model = run(tmp_path / "measured", Scripted(ORIGINAL, *[HALF] * 5, NEAR))
    plain = make_llama()
    data = TrainingData(forget=examples[:4], retain=examples[4:])
    train_model(plain, tokenizer, build_method("npo"), data, CONFIG, tmp_path / "plain")
    assert same(plain.named_parameters(), model.named_parameters())


@pytest.mark.parametrize("script", [UP_AND_DOWN, REACHED])
@pytest.mark.parametrize(
    ("step", "epochs"), [(1, 1), (3, 1), (4, 1), (5, 1), (None, 1), (5, 2), (None, 2)]
)
def test_a_killed_run_resumes_with_the_same_bits(
    tmp_path: Path, run: Any, script: Any, epochs: int, step: int | None
) -> None:
    """Checkpoints after steps 2, 4 and 6, or after 4 alone."""
    config = replace(CONFIG, checkpoint_epochs=epochs)
    whole, cut, measure = tmp_path / "whole", tmp_path / "cut", Scripted(*script)
    _, expected, _ = run(whole, measure, config=config)
    with pytest.raises(RuntimeError, match="killed"):
        run(cut, measure, Kill(step), config=config)
    results, found, _ = run(cut, measure, config=config, resume=True)
    assert len(measure.known) == len(script)  # no weights but those of the undisturbed run
    assert (cut / CONTROL).read_bytes() == (whole / CONTROL).read_bytes()
    name = Path("model") / "model.safetensors"
    assert (cut / name).read_bytes() == (whole / name).read_bytes()
    assert found.outcome() == expected.outcome()
    assert results["steps"] == expected.outcome().steps


def test_no_checkpoint_is_left_of_the_step_that_reached_the_target(
    tmp_path: Path, run: Any
) -> None:
    """It would be due after step 4, and a resumption from it would train on."""
    measure = Scripted(ORIGINAL, START, HALF, NEARER, DONE)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path, measure, Kill())
    results, control, _ = run(tmp_path, measure, resume=True)
    assert (results["resumed_from"], results["steps"]) == ("checkpoint-2", 4)
    assert control.outcome()[:4] == (4, 4, True, True) and len(measure.known) == 5


class PressCtrlC(TrainerCallback):
    def __init__(self, step: int):
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step + 1 == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_keeps_the_state_to_resume_from(tmp_path: Path, run: Any) -> None:
    measure = Scripted(*UP_AND_DOWN)
    _, _, expected = run(tmp_path / "whole", measure)
    with pytest.raises(Interrupted, match="stopped at step 4 of 6"):
        run(tmp_path / "cut", measure, PressCtrlC(4))
    _, _, model = run(tmp_path / "cut", measure, resume=True)
    assert same(expected.named_parameters(), model.named_parameters())
    assert (tmp_path / "cut" / CONTROL).read_text() == (tmp_path / "whole" / CONTROL).read_text()


def test_ctrl_c_in_the_step_that_reaches_the_target_is_no_interruption(
    tmp_path: Path, run: Any
) -> None:
    results, _, _ = run(tmp_path, Scripted(*REACHED), PressCtrlC(5))
    assert results["steps"] == 5 and (tmp_path / "model").is_dir()
    assert not (tmp_path / "checkpoint-5").exists()


def test_without_checkpoints_one_state_is_on_disk(tmp_path: Path, run: Any) -> None:
    class Count(TrainerCallback):
        def __init__(self) -> None:
            self.states: list[int] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.states.append(len(list((tmp_path / STATES).iterdir())))

    count = Count()
    run(tmp_path, Scripted(*UP_AND_DOWN), count, config=replace(CONFIG, checkpoint_epochs=0))
    assert count.states == [1] * 6


def test_a_resumed_run_needs_its_best_state(tmp_path: Path, run: Any) -> None:
    measure = Scripted(*UP_AND_DOWN)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path, measure, Kill(5))
    (tmp_path / STATES / "step-3.safetensors").unlink()
    with pytest.raises(UserError, match="lacks what was measured before step 4"):
        run(tmp_path, measure, resume=True)
    (tmp_path / CONTROL).unlink()
    with pytest.raises(UserError, match=r"``resume``: .*start the run again with ``overwrite``"):
        run(tmp_path, measure, resume=True)


def test_a_known_original_is_not_measured(tmp_path: Path, run: Any) -> None:
    _, control, _ = run(tmp_path, Scripted(HALF, NEAR), before=ORIGINAL, times=2)
    assert control.outcome().points == {0: ORIGINAL, 3: HALF, 6: NEAR}


def test_sharded_weights_and_impossible_shares_are_refused(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"``keep`` 1\.5: must be above 0"):
        Control(Scripted(), tmp_path, Target(), 1.5, training_tokens_per_step=1, scored_tokens=1)
    monkeypatch.setattr("simnpo.training.control.distributed.is_sharded", lambda model: True)
    with pytest.raises(UserError, match="needs unsharded weights, and FSDP and ZeRO-3 shard them"):
        run(tmp_path, Scripted(ORIGINAL))


def test_a_job_records_an_early_stop_and_clears_the_best_state(
    tmp_path: Path, model_folder: Path, examples: Any
) -> None:
    data = TrainingData(forget=examples[:4], retain=examples[4:])
    job = Job("unlearn", str(model_folder), build_method("npo"), data, CONFIG)

    def callbacks(_: Any, tokenizer: Any) -> list[TrainerCallback]:
        costs = {"training_tokens_per_step": 100, "scored_tokens": 1, "scale_back": False}
        return [Control(Scripted(*REACHED), tmp_path, Target(), times=6, **costs)]

    job.execute(tmp_path, callbacks=callbacks)
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["status"], record["steps"], record["planned_steps"]) == ("finished", 5, 6)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {LIST, "run.json", "log.jsonl", "model", CONTROL}
    job.execute(tmp_path)
    assert not (tmp_path / CONTROL).exists()


# Margins: -1 as trained, .4 and .5 with less of the attention's change, then .2.
TOO_FAR = Point(0.0, 0.02, 0.9, 0.9)
SCALED = (Point(0.0, 0.05, 0.9, 0.97), Point(0.0, 0.1, 0.9, 0.98), Point(0.0, 0.16, 0.9, 0.99))
BACK = (ORIGINAL, START, TOO_FAR, *SCALED)
# Margins: -1, and -3.5 with half of the attention's change: nothing else is tried.
NEVER = (ORIGINAL, *[one for _ in range(6) for one in (TOO_FAR, Point(0.0, 0.9, 0.9, 1.0))])


def test_weights_that_have_forgotten_enough_are_scaled_back(
    tmp_path: Path, run: Any, make_llama: Any
) -> None:
    results, control, model = run(tmp_path, Scripted(*BACK), scale_back=True)
    assert results["steps"] == 2 and control.outcome()[:4] == (2, 2, True, True)
    assert [row["attention_share"] for row in rows(tmp_path)] == [1, 1, 0.25]
    assert control.outcome().points[2] == SCALED[1]._replace(attention_share=0.25)
    said = (
        "at step 2 of 6, scaled back to 25% of the attention's change and 100% of all others'. It"
    )
    assert said in control.outcome().why
    plain = Note()
    run(tmp_path / "plain", Scripted(ORIGINAL, *[HALF] * 5, NEAR), plain)
    start = dict(make_llama().named_parameters())
    for name, weight in model.named_parameters():
        share = 0.25 if "self_attn" in name else 1
        assert torch.equal(weight, torch.lerp(start[name], plain.weights[2][name], share))


def test_with_little_room_training_goes_on_from_where_it_was(tmp_path: Path, run: Any) -> None:
    plain, note = Note(), Note()
    near = Point(0.0, 0.19, 0.9, 1.0)  # a margin of .05
    script = (ORIGINAL, near, *[near._replace(general=0.999)] * 7, *NEVER[1:])
    _, control, model = run(tmp_path, Scripted(*script), note, scale_back=True)
    run(tmp_path / "plain", Scripted(ORIGINAL, *[HALF] * 5, NEAR), plain)
    assert same(plain.weights[6], note.weights[6])
    assert control.outcome()[:4] == (6, 1, True, True)
    assert same(plain.weights[1], model.named_parameters())


@pytest.mark.parametrize("script", [BACK, NEVER])
@pytest.mark.parametrize(("step", "epochs"), [(1, 1), (2, 1), (3, 1), (5, 1), (None, 1), (5, 0)])
def test_a_killed_run_that_scales_back_resumes_with_the_same_bits(
    tmp_path: Path, run: Any, script: Any, epochs: int, step: int | None
) -> None:
    config = replace(CONFIG, checkpoint_epochs=epochs)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    given: dict[str, Any] = {"config": config, "scale_back": True}
    _, expected, _ = run(whole, Scripted(*script), **given)
    if (step or 0) > expected.outcome().steps:
        return
    measure = Scripted(*script)
    with pytest.raises(RuntimeError, match="killed"):
        run(cut, measure, Kill(step), **given)
    run(cut, measure, resume=epochs > 0 and (step or 6) > 2 and script is NEVER, **given)
    assert (cut / CONTROL).read_bytes() == (whole / CONTROL).read_bytes()
    name = Path("model") / "model.safetensors"
    assert (cut / name).read_bytes() == (whole / name).read_bytes()


def test_a_resumed_run_needs_the_weights_it_started_from(tmp_path: Path, run: Any) -> None:
    measure = Scripted(*NEVER)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path, measure, Kill(3), scale_back=True)
    (tmp_path / STATES / f"{START_STATE}.safetensors").unlink()
    with pytest.raises(UserError, match="lacks what was measured before step 2"):
        run(tmp_path, measure, scale_back=True, resume=True)
