"""Unlearning without dropout: every kind of it, put back afterwards."""

import math
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch

from simnpo.config import Dropout, TrainingConfig
from simnpo.methods.registry import METHODS, build_method
from simnpo.training.dropout import without_dropout
from simnpo.training.run import TrainingData, train_model

IDS = torch.arange(2, 34).reshape(2, 16)
MODELS = ["gpt2_with_dropout", "falcon", "opt", "mixtral_with_jitter"]


@pytest.mark.parametrize("make", MODELS)
def test_training_mode_computes_what_evaluation_mode_does(make: str) -> None:
    model = getattr(tiny_models, make)()
    with torch.no_grad():
        expected = model(IDS).logits
        model.train()
        assert not torch.allclose(model(IDS).logits, expected)
        before = model.config.to_dict()
        with without_dropout(model):
            torch.testing.assert_close(model(IDS).logits, expected)
        assert model.config.to_dict() == before
        assert not torch.allclose(model(IDS).logits, expected)


def first_losses(tmp_path: Path, name: str) -> float:
    log = (tmp_path / "log.jsonl").read_text()
    return float(log.split(f'"{name}": ')[1].split(",")[0].rstrip("}\n"))


@pytest.mark.parametrize("dropout", ["off", "keep"])
def test_npo_starts_at_its_reference(
    tokenizer: Any, examples: Any, tmp_path: Path, dropout: Dropout
) -> None:
    config = TrainingConfig(epochs=1, batch_size=4, micro_batch_size=4, dropout=dropout)
    data = TrainingData(forget=examples[:4], retain=examples[4:])
    model = tiny_models.gpt2_with_dropout()
    train_model(
        model, tokenizer, build_method("npo", beta=0.5), data, config, tmp_path, keep_model=False
    )
    loss = first_losses(tmp_path, "forget_loss")
    equal = math.isclose(loss, 2 / 0.5 * math.log(2), rel_tol=1e-4)
    assert equal == (dropout == "off")


def test_fine_tuning_keeps_dropout(tokenizer: Any, examples: Any, tmp_path: Path) -> None:
    losses = []
    for number, dropped in enumerate((0.0, 0.5)):
        model = tiny_models.gpt2()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = dropped
        config = TrainingConfig(epochs=1, batch_size=8, micro_batch_size=8)
        out = tmp_path / str(number)
        out.mkdir()
        data = TrainingData(retain=examples)
        train_model(model, tokenizer, METHODS["retrain"], data, config, out, keep_model=False)
        losses.append(first_losses(out, "retain_loss"))
    assert not math.isclose(*losses, rel_tol=1e-3)


def test_a_sequence_beyond_the_models_positions_is_refused(
    tokenizer: Any, examples: Any, tmp_path: Path
) -> None:
    from simnpo.data.examples import Example
    from simnpo.errors import UserError

    text = [Example(None, "Ada Vell was born in Torrin. " * 60)]
    config = TrainingConfig(epochs=1, batch_size=1)
    with pytest.raises(UserError, match="made for 128 at most: give ``max_length`` 128"):
        train_model(
            tiny_models.gpt2(), tokenizer, METHODS["retrain"], TrainingData(retain=text),
            config, tmp_path,
        )  # fmt: skip
