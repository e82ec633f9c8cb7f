"""Steps that are not finite change no weight, and a step on a GPU waits for nothing."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from count_operations import Operations

from simnpo.data.examples import Example
from simnpo.errors import TrainingDiverged
from simnpo.training import step_guard
from simnpo.training.trainer import UnlearnTrainer
from simnpo.training.unlearn_config import UnlearnConfig

Make = Callable[..., UnlearnTrainer]


@pytest.fixture
def make(tmp_path: Path, llama: Any, tokenizer: Any, examples: list[Example]) -> Make:
    """Return a trainer of four rows a step, as on a GPU: updates are left out by the optimizer."""

    def made(method: str = "simnpo", **settings: Any) -> UnlearnTrainer:
        config = UnlearnConfig(
            output_dir=str(tmp_path), method=method, per_device_train_batch_size=4,
            gradient_accumulation_steps=1, use_cpu=True, disable_tqdm=True, save_strategy="no",
            report_to="none", **{"max_steps": 3, "logging_steps": 100} | settings,
        )  # fmt: skip
        half = len(examples) // 2
        return UnlearnTrainer(
            llama, config, processing_class=tokenizer, forget_dataset=examples[:half],
            retain_dataset=examples[half:], refusals=["No idea."],
        )  # fmt: skip

    return made


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_guard, "leaves_out", lambda optimizer, values: True)


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize(
    ("bad", "most", "words"),
    [
        (torch.nan, 3, "gradient became NaN or infinite at step 2"),
        (torch.inf, 3, "gradient became NaN or infinite at step 2"),
        (torch.nan, 2, "gradient became NaN or infinite at step 2"),  # the last step of all
    ],
)
def test_an_update_that_is_left_out_changes_no_weight(
    make: Make, llama: Any, bad: float, most: int, words: str
) -> None:
    trainer = make(max_steps=most)
    steps: list[dict[str, Any]] = []

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        steps.append(copy.deepcopy(llama.state_dict()))
        return gradient * (bad if len(steps) == 2 else 1)

    llama.lm_head.weight.register_hook(spoil)
    with pytest.raises(TrainingDiverged, match=words):
        trainer.train()
    assert not steps[0]["lm_head.weight"].equal(steps[1]["lm_head.weight"])
    for key, value in llama.state_dict().items():
        assert value.equal(steps[1][key])


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_row_of_the_log_is_never_of_a_step_that_failed(make: Make, llama: Any) -> None:
    trainer = make(logging_steps=1)
    llama.lm_head.weight.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(TrainingDiverged, match="at step 1"):
        trainer.train()
    assert trainer.state.log_history == []


def test_leaving_updates_out_trains_alike(
    make: Make, llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = copy.deepcopy(llama.state_dict())
    make().train()
    found = copy.deepcopy(llama.state_dict())
    llama.load_state_dict(start)
    monkeypatch.setattr(step_guard, "leaves_out", lambda optimizer, values: True)
    make().train()
    assert all(value.equal(found[key]) for key, value in llama.state_dict().items())


class Waits(Operations):
    """Counts the operations that on a GPU wait for it."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "unique")

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        name = func._schema.name.split("::")[1]
        masks = args[1] if name in ("index", "index_put", "index_put_") else ()
        by_mask = any(isinstance(one, torch.Tensor) and one.dtype == torch.bool for one in masks)
        if by_mask or any(word in name for word in self.NAMES):
            self.count[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("method", ["simnpo", "npo", "grad_diff", "idk", "idk_dpo", "undial"])
def test_a_step_waits_for_nothing(method: str, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, waits, steps = make(method), Waits(), []
    train, guard = trainer.training_step, trainer._guard.on_pre_optimizer_step

    def watched(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            steps.append(work)
            if len(steps) <= 2:  # of the first step, in which models are tried
                return work(*args, **kwargs)
            with waits:
                return work(*args, **kwargs)

        return run

    monkeypatch.setattr(trainer, "training_step", watched(train))
    monkeypatch.setattr(trainer._guard, "on_pre_optimizer_step", watched(guard))
    trainer.train()
    assert len(steps) == 6
    assert not waits.count
