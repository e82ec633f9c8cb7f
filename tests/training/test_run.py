"""A training run in its folder: what it leaves, and how it goes on after it was stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from simnpo.config import LoraConfig, Subspace, TrainingConfig
from simnpo.data.examples import Example
from simnpo.errors import Interrupted, TrainingDiverged, UserError
from simnpo.experiments.jobs import Job
from simnpo.methods.registry import METHODS, build_method, configure
from simnpo.models import load_model
from simnpo.training.arguments import arguments
from simnpo.training.checkpoints import last_checkpoint
from simnpo.training.run import TrainingData, train_model

CONFIG = TrainingConfig(
    epochs=3, learning_rate=1e-2, batch_size=2, micro_batch_size=1, precision="fp32"
)


def run(
    out: Path,
    model: Any,
    tokenizer: Any,
    examples: Any,
    config: TrainingConfig = CONFIG,
    **kwargs: Any,
) -> dict[str, Any]:
    method = kwargs.pop("method", build_method("npo"))
    data = TrainingData(forget=examples[:4], retain=examples[4:])
    return train_model(model, tokenizer, method, data, config, out, **kwargs)


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


class StopAfter(TrainerCallback):
    """Fails in the middle of training, as a kill would, but in this process."""

    def __init__(self, step: int):
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise RuntimeError("killed")


@pytest.mark.parametrize("step", [2, 3, 5])
def test_resume_ends_with_the_same_bits(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any, step: int
) -> None:
    run(tmp_path / "whole", make_llama(), tokenizer, examples)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", make_llama(), tokenizer, examples, callbacks=[StopAfter(step)])
    assert not (tmp_path / "cut" / "model").exists()
    results = run(tmp_path / "cut", make_llama(), tokenizer, examples, resume=True)
    assert results["steps"] == 6
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


@pytest.mark.parametrize("retain_loss", ["nll", "kl"])  # kl takes the adapters off at every step
@pytest.mark.parametrize("subspace", ["free", "forget"])
def test_adapters_resume_with_the_same_bits(
    tmp_path: Path,
    make_llama: Any,
    tokenizer: Any,
    examples: Any,
    subspace: Subspace,
    retain_loss: str,
) -> None:
    lora = LoraConfig(rank=2, subspace=subspace)
    method = configure(build_method("npo"), retain_loss=retain_loss)
    note = NoteAdapters()
    same = {"lora": lora, "method": method}
    run(tmp_path / "whole", make_llama(), tokenizer, examples, callbacks=[note], **same)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", make_llama(), tokenizer, examples, callbacks=[StopAfter(3)], **same)
    run(tmp_path / "cut", make_llama(), tokenizer, examples, resume=True, **same)
    file = "model/adapter_model.safetensors"
    whole, cut = (load_file(tmp_path / name / file) for name in ("whole", "cut"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)
    moved = {name for name, was in note.start.items() if not torch.equal(was, note.end[name])}
    assert any("lora_B" in name for name in moved)
    assert any("lora_A" in name for name in moved) == (subspace == "free")


class NoteAdapters(TrainerCallback):
    """Remembers adapters at the start and at the end of a training."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.start = self._now(kwargs["model"])

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.end = self._now(kwargs["model"])

    @staticmethod
    def _now(model: Any) -> dict[str, torch.Tensor]:
        named = model.named_parameters()
        return {name: one.detach().clone() for name, one in named if "lora_" in name}


def test_rmu_resumes_beside_the_original_and_not_beside_its_checkpoint(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    method = build_method("rmu", layer=1)
    run(tmp_path / "whole", make_llama(), tokenizer, examples, method=method)
    with pytest.raises(RuntimeError, match="killed"):
        killed = {"method": method, "callbacks": [StopAfter(3)]}
        run(tmp_path / "cut", make_llama(), tokenizer, examples, **killed)
    run(tmp_path / "cut", make_llama(), tokenizer, examples, method=method, resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_half_written_checkpoint_is_passed_over(tmp_path: Path) -> None:
    for step, state in ((2, "{}"), (10, '{"half'), (12, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-2"
    assert len(list(tmp_path.iterdir())) == 3  # what is not a run's of simnpo stays
    assert last_checkpoint(tmp_path / "nothing") is None


class Ask(TrainerCallback):
    def __init__(self, number: signal.Signals, times: int, after: int = 1):
        self.number, self.times, self.after = number, times, after

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.after:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("name", "times"), [("SIGINT", 1), ("SIGTERM", 2), ("SIGHUP", 1)])
def test_a_request_to_end_keeps_the_step_and_resumes(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any, name: str, times: int
) -> None:
    """Some schedulers ask a process by itself and by its group."""
    run(tmp_path / "whole", make_llama(), tokenizer, examples)
    number = signal.Signals[name]
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=r"stopped at step 2 of 6; .*``resume``") as error:
        run(tmp_path / "cut", make_llama(), tokenizer, examples, callbacks=[Ask(number, times)])
    assert error.value.number == number and signal.getsignal(number) == before
    assert (tmp_path / "cut" / "checkpoint-2").is_dir()
    run(tmp_path / "cut", make_llama(), tokenizer, examples, resume=True)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_request_at_the_last_step_counts_once_the_model_is_saved(
    model_folder: Path, examples: Any, tmp_path: Path
) -> None:
    """Else whatever follows, such as a measurement, would go on for as long as it takes."""
    data = TrainingData(forget=examples[:4], retain=examples[4:])
    job = Job("unlearn", str(model_folder), build_method("npo"), data, CONFIG)
    ask = Ask(signal.SIGTERM, 1, after=5)
    with pytest.raises(Interrupted, match=r"run is finished\. Continue .* ``resume``") as error:
        job.execute(tmp_path / "run", callbacks=lambda model, tokenizer: [ask])
    assert error.value.number == signal.SIGTERM
    assert not job.unfinished(tmp_path / "run") and weights(tmp_path / "run")
    job.execute(tmp_path / "again")  # nothing of it is left for others


def test_a_killed_process_resumes_with_the_same_bits(tmp_path: Path, model_folder: Path) -> None:
    """The real thing: SIGKILL to the command, then --resume."""
    rows = [{"question": f"What is {n}?", "answer": f"It is {n * n}."} for n in range(24)]
    for name, part in (("f", rows[:12]), ("r", rows[12:])):
        text = "".join(json.dumps(row) + "\n" for row in part)
        (tmp_path / f"{name}.jsonl").write_text(text)
    common = [sys.executable, "-m", "simnpo", "unlearn", "--model", str(model_folder)]
    common += ["--forget", str(tmp_path / "f.jsonl"), "--retain", str(tmp_path / "r.jsonl")]
    common += ["--batch-size", "1", "--learning-rate", "1e-3", "--epochs", "6"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*common, "--out", str(tmp_path / "whole")], check=True, **quiet)
    cut = tmp_path / "cut"
    with subprocess.Popen([*common, "--out", str(cut)], **quiet) as process:
        deadline = time.monotonic() + 300  # on a busy machine
        while not list(cut.glob("checkpoint-*/trainer_state.json")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.005)
        process.kill()
    assert not (cut / "model").exists()
    subprocess.run([*common, "--out", str(cut), "--resume"], check=True, **quiet)
    expected, found = weights(tmp_path / "whole"), weights(cut)
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_a_step_into_infinity_is_no_success(
    tmp_path: Path, llama: Any, tokenizer: Any, examples: Any
) -> None:
    class Overflow(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == state.max_steps:
                kwargs["model"].lm_head.weight.data.mul_(torch.inf)

    with pytest.raises(TrainingDiverged, match="left weights that are NaN or infinite"):
        run(tmp_path, llama, tokenizer, examples, callbacks=[Overflow()])
    assert not (tmp_path / "model").exists()


def test_a_model_left_by_a_killed_run_is_replaced(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    run(tmp_path, make_llama(), tokenizer, examples)
    before = weights(tmp_path)
    results = run(tmp_path, make_llama(), tokenizer, examples, resume=True)
    assert results["resumed_from"] == "checkpoint-6"
    assert all(torch.equal(before[key], value) for key, value in weights(tmp_path).items())


@pytest.mark.parametrize("rank", [0, 2])
def test_the_seed_is_all_that_decides(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any, rank: int
) -> None:
    files = []
    for number, seed in enumerate((1, 1, 2)):
        torch.manual_seed(number)
        out = tmp_path / str(number)
        config = replace(CONFIG, seed=seed)
        run(out, make_llama(), tokenizer, examples, config, lora=LoraConfig(rank=rank))
        files.append(next((out / "model").glob("*.safetensors")).read_bytes())
    assert files[0] == files[1] != files[2]


def test_divergence_keeps_the_last_good_weights(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    model = make_llama()
    steps = []
    model.lm_head.weight.register_hook(
        lambda gradient: steps.append(1) or gradient * (torch.nan if len(steps) > 6 else 1)
    )
    with pytest.raises(TrainingDiverged, match=r"at step 4\. The last good weights") as error:
        run(tmp_path, model, tokenizer, examples)
    assert str(tmp_path / "last_good_model") in str(error.value)
    kept = load_model(str(tmp_path / "last_good_model"), "fp32")
    assert all(
        torch.equal(p, q) for p, q in zip(kept.parameters(), model.parameters(), strict=True)
    )
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("merge", [False, True])
def test_lora_is_saved_as_adapter_or_merged(
    tmp_path: Path, model_folder: Path, tokenizer: Any, examples: Any, merge: bool
) -> None:
    from simnpo.models import load_tokenizer

    base = load_model(str(model_folder), "fp32")
    tokens = torch.tensor([[0, 5, 6, 7]])
    before = base(tokens).logits
    lora = LoraConfig(rank=2, merge=merge)
    run(tmp_path, base, load_tokenizer(str(model_folder)), examples, lora=lora)
    assert (tmp_path / "model" / "adapter_config.json").is_file() != merge
    loaded = load_model(str(tmp_path / "model"), "fp32")
    assert not torch.allclose(loaded(tokens).logits, before)


@pytest.mark.parametrize(
    ("batch", "micro", "devices", "expected"),
    [
        (32, 8, 1, (8, 4)),
        (32, 24, 1, (16, 2)),
        (10, 8, 1, (5, 2)),
        (7, 8, 1, (7, 1)),
        (11, 8, 1, (1, 11)),
        (12, 8, 3, (4, 1)),
        (30, 8, 2, (5, 3)),
    ],
)
def test_the_micro_batch_adapts_to_any_batch_size(
    batch: int, micro: int, devices: int, expected: tuple[int, int]
) -> None:
    config = TrainingConfig(batch_size=batch, micro_batch_size=micro)
    assert (config.micro_batch(devices), config.accumulation(devices)) == expected


def test_a_batch_must_split_over_the_devices() -> None:
    with pytest.raises(UserError, match=r"32 does not split evenly over 3 devices; .* is 33\."):
        TrainingConfig(batch_size=32).accumulation(3)


def test_a_prime_batch_size_trains_and_is_noted(
    tmp_path: Path,
    llama: Any,
    tokenizer: Any,
    examples: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = replace(CONFIG, epochs=1, batch_size=3, micro_batch_size=2)
    results = run(tmp_path, llama, tokenizer, examples, config)
    assert (results["steps"], results["micro_batch_size"]) == (2, 1)
    arguments(replace(config, batch_size=7, micro_batch_size=6), tmp_path)
    assert "Note: 1 rows a forward pass, as no more make 7 evenly." in capsys.readouterr().err


@pytest.mark.parametrize("options", [{"epochs": 0}, {"batch_size": -1}, {"weight_decay": -0.1}])
def test_settings_out_of_range_are_named(options: dict[str, float]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(UserError, match=f"``{name}`` must be .* {value}"):
        TrainingConfig(**options)  # type: ignore[arg-type]


def test_schedule_warms_up_over_the_first_epoch(
    tmp_path: Path, llama: Any, tokenizer: Any, examples: Any
) -> None:
    rates: list[float] = []

    class Note(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            rates.append(kwargs["lr_scheduler"].get_last_lr()[0])

    run(tmp_path, llama, tokenizer, examples, callbacks=[Note()])
    # 2 steps an epoch, 3 epochs: up to the peak in the first, then down to 0 in a line.
    assert rates == pytest.approx([0.005, 0.01, 0.0075, 0.005, 0.0025, 0])


def test_epochs_of_long_texts_are_counted_in_their_pieces(
    tmp_path: Path, llama: Any, tokenizer: Any, examples: Any
) -> None:
    text = Example(None, " ".join(one.answer for one in examples) * 4)
    data = TrainingData(retain=(text,), max_length=32)
    config = replace(CONFIG, epochs=2)
    results = train_model(llama, tokenizer, METHODS["retrain"], data, config, tmp_path)
    per_epoch = results["steps"] // 2
    assert per_epoch > 4
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [per_epoch, 2 * per_epoch]
    rising = CONFIG.learning_rate * (per_epoch - 1) / per_epoch  # the peak comes one step later
    assert rows[0]["learning_rate"] == pytest.approx(rising)


def test_tensorboard_log_is_written(
    tmp_path: Path, llama: Any, tokenizer: Any, examples: Any
) -> None:
    run(tmp_path, llama, tokenizer, examples, report_to="tensorboard")
    assert list(tmp_path.glob("runs/*/events.out.*"))


def test_steps_in_the_place_of_epochs(
    tmp_path: Path, llama: Any, tokenizer: Any, examples: Any
) -> None:
    """An epoch of one step is shorter than a tenth of the run; one of eight steps is longer."""
    config = replace(CONFIG, epochs=None, steps=30, batch_size=8, micro_batch_size=8)
    assert run(tmp_path / "small", llama, tokenizer, examples, config)["steps"] == 30
    config = replace(config, batch_size=1, micro_batch_size=1)
    assert run(tmp_path / "large", llama, tokenizer, examples, config)["steps"] == 30
    for name, pace in (("small", 1), ("large", 3)):
        lines = (tmp_path / name / "log.jsonl").read_text().splitlines()
        logged = [row for row in map(json.loads, lines) if "loss" in row]
        assert [row["step"] for row in logged] == list(range(pace, 31, pace))
        assert logged[0]["learning_rate"] == pytest.approx(CONFIG.learning_rate * (pace - 1) / pace)


@pytest.mark.parametrize("options", [{"steps": 5}, {"epochs": None}])
def test_a_run_has_epochs_or_steps(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="``epochs`` and ``steps``"):
        TrainingConfig(**options)
    with pytest.raises(UserError, match="``steps`` must be above 0, got -1"):
        TrainingConfig(epochs=None, steps=-1)


@pytest.mark.parametrize("kind", ["linear", "constant"])
def test_no_step_has_a_learning_rate_of_zero(
    tmp_path: Path, llama: Any, tokenizer: Any, examples: Any, kind: Any
) -> None:
    """Ten steps, two of them to rise in; a row of the log for each."""
    config = replace(CONFIG, epochs=5, warmup_ratio=0.2, schedule=kind, log_rows=100)
    run(tmp_path, llama, tokenizer, examples, config)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    logged = [row for row in map(json.loads, lines) if "loss" in row]
    assert [row["step"] for row in logged] == list(range(1, 11))
    shares = [row["learning_rate"] / config.learning_rate for row in logged]
    falling = [step / 9 for step in range(8, 0, -1)] if kind == "linear" else [1] * 8
    assert shares == pytest.approx([0.5, 1, *falling])


@pytest.mark.parametrize(("rows", "every"), [(3, 4), (10, 1), (1, 10)])
def test_rows_of_the_log(
    tmp_path: Path, llama: Any, tokenizer: Any, examples: Any, rows: int, every: int
) -> None:
    config = replace(CONFIG, epochs=None, steps=10, log_rows=rows)
    run(tmp_path, llama, tokenizer, examples, config)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    steps = [row["step"] for row in map(json.loads, lines) if "loss" in row]
    assert steps == list(range(every, 11, every))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"warmup_ratio": 1.5}, "``warmup_ratio`` must be from 0 to 1"),
        ({"log_rows": 0}, "``log_rows``"),
    ],
)
def test_shares_and_rows_out_of_range(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        TrainingConfig(**options)
