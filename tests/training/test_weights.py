"""Gradient weights recorded while training, against formulas on a forward pass of their own."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import TrainerCallback

from simnpo.config import TrainingConfig
from simnpo.data.batching import pad
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.forward.logprobs import sum_logprobs
from simnpo.methods.registry import METHODS, build_method
from simnpo.training.gradient_weights import WEIGHTS, RecordWeights
from simnpo.training.run import TrainingData, train_model

CONFIG = TrainingConfig(
    epochs=3, learning_rate=1e-2, batch_size=2, micro_batch_size=1, precision="fp32"
)


class StopAfter(TrainerCallback):
    """Saves after a step and then fails, as a kill would."""

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_save |= state.global_step == self.step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise RuntimeError("killed")


def train(out: Path, model: Any, tokenizer: Any, examples: Any, **options: Any) -> pd.DataFrame:
    method = options.pop("method", build_method("npo"))
    config = options.pop("config", CONFIG)
    callbacks = [*options.pop("callbacks", ()), RecordWeights(method.forget, out)]
    data = TrainingData(forget=examples[:4], retain=examples[4:])
    train_model(model, tokenizer, method, data, config, out, callbacks=callbacks, **options)
    return pd.read_parquet(out / WEIGHTS)


def by_hand(name: str, own: Any, reference: Any, tokenizer: Any, examples: Any) -> pd.DataFrame:
    """Eq. 4 and eq. 6 as they stand, with beta 0.7 and gamma 0.3."""
    encoded = Encoder(tokenizer).encode_all(examples[:4])
    lengths = torch.tensor([float(len(one.ids) - one.start) for one in encoded])
    with torch.no_grad():
        logp, base = (sum_logprobs(model, pad(encoded)) for model in (own, reference))
    if name == "npo":
        weights = 2 * (0.7 * logp).exp() / ((0.7 * logp).exp() + (0.7 * base).exp())
    else:
        odds = (0.7 / lengths * logp + 0.3).exp()
        weights = 2 * odds / (1 + odds) / lengths
    return pd.DataFrame({"tokens": lengths.long().numpy(), "weight": weights.double().numpy()})


@pytest.mark.parametrize("name", ["npo", "simnpo"])
def test_weights_of_a_model_that_does_not_move(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any, name: str
) -> None:
    settings = {"beta": 0.7} | ({"gamma": 0.3} if name == "simnpo" else {})
    # A step so short that the weights of the first epoch are those of the model as it is.
    still = TrainingConfig(
        epochs=1, learning_rate=1e-12, batch_size=2, micro_batch_size=2, precision="fp32"
    )
    found = train(
        tmp_path, make_llama(), tokenizer, examples,
        method=build_method(name, **settings), config=still, reference=reference(make_llama, name),
    )  # fmt: skip
    expected = by_hand(name, make_llama(), make_llama(seed=1), tokenizer, examples)
    found = found.sort_values("example").reset_index(drop=True)
    assert list(found["example"]) == [0, 1, 2, 3] and set(found["epoch"]) == {1}
    assert list(found["tokens"]) == list(expected["tokens"])
    assert list(found["weight"]) == pytest.approx(list(expected["weight"]), rel=1e-4)


def reference(make_llama: Any, name: str) -> Any:
    """Another model for NPO, against which its weights are not all 1."""
    return make_llama(seed=1) if name == "npo" else None


def test_npo_begins_with_weights_of_one(
    tmp_path: Path, llama: Any, tokenizer: Any, examples: Any
) -> None:
    table = train(tmp_path, llama, tokenizer, examples)
    first = table.iloc[:2]["weight"]
    assert list(first) == pytest.approx([1, 1], abs=1e-4)  # before the first step
    assert (table[table["epoch"] == 3]["weight"] < 0.99).any()


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_a_resumed_training_has_the_same_rows(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any, step: int
) -> None:
    """Two steps an epoch: 1, 3 and 5 are in the middle of one."""
    whole = train(tmp_path / "whole", make_llama(), tokenizer, examples)
    assert sorted(zip(whole["epoch"], whole["example"], strict=True)) == [
        (epoch, example) for epoch in (1, 2, 3) for example in range(4)
    ]
    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path / "cut", make_llama(), tokenizer, examples, callbacks=[StopAfter(step)])
    cut = train(tmp_path / "cut", make_llama(), tokenizer, examples, resume=True)
    pd.testing.assert_frame_equal(whole, cut)


def test_the_forget_term_is_what_is_recorded(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any
) -> None:
    """Whatever object the recorder was made with: a copy, or one with other settings."""
    other = RecordWeights(build_method("npo", beta=3.0).forget, tmp_path / "other")
    own = train(tmp_path, make_llama(), tokenizer, examples, callbacks=[other])
    assert len(own)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "other" / WEIGHTS), own)


@pytest.mark.parametrize("name", ["ga", "retrain", "rkld", "idk_dpo"])
def test_objectives_without_weights(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="only the gradients of NPO and SimNPO"):
        RecordWeights(METHODS[name].forget, tmp_path)


def test_one_process_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simnpo.training.gradient_weights.world_size", lambda: 2)
    with pytest.raises(UserError, match="in one process"):
        RecordWeights(METHODS["npo"].forget, tmp_path)
