"""KL over steps, against plain softmaxes of whole logits."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from test_weights import StopAfter

from simnpo.config import TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.methods.registry import build_method
from simnpo.training.run import TrainingData, train_model
from simnpo.training.track_kl import DRIFT, EXAMPLES, TrackKL, _spread

CONFIG = TrainingConfig(
    epochs=3,
    learning_rate=1e-2,
    batch_size=2,
    micro_batch_size=2,
    warmup_epochs=0,
    precision="fp32",
)


def train(out: Path, model: Any, tokenizer: Any, examples: Any, **options: Any) -> pd.DataFrame:
    sets = {"forget": examples[:4], "retain": examples[4:]}
    callbacks = [*options.pop("callbacks", ()), TrackKL(sets, Encoder(tokenizer), out)]
    train_model(
        model, tokenizer, build_method("ga"), TrainingData(forget=examples[:4]), CONFIG, out,
        callbacks=callbacks, **options,
    )  # fmt: skip
    return pd.read_parquet(out / DRIFT)


def plain_kl(original: Any, current: Any, tokenizer: Any, examples: Any) -> float:
    """Mean over answer tokens of sum_v p log(p / q), p the original's, an example at a time."""
    values: list[float] = []
    for one in Encoder(tokenizer).encode_all(examples):
        ids = torch.tensor([one.ids])
        with torch.no_grad():
            p, q = (model(ids).logits[0].double().log_softmax(-1) for model in (original, current))
        values += (p.exp() * (p - q)).sum(-1)[one.start - 1 : -1].tolist()
    return sum(values) / len(values)


def test_kl_over_steps(tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any) -> None:
    model = make_llama()
    table = train(tmp_path, model, tokenizer, examples)
    assert list(table["step"]) == [step for step in range(7) for _ in range(2)]
    assert list(table["set"]) == ["forget", "retain"] * 7
    assert list(table["epoch"]) == [step / 2 for step in range(7) for _ in range(2)]
    assert (table[table["step"] == 0]["kl"] == 0).all()
    assert (table[table["step"] > 0]["kl"] > 0).all()
    last = table[table["step"] == 6].set_index("set")["kl"]
    for name, part in (("forget", examples[:4]), ("retain", examples[4:])):
        expected = plain_kl(make_llama(), model.eval(), tokenizer, part)
        assert last[name] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("step", [3, 4])
def test_a_resumed_training_compares_with_the_first_model(
    tmp_path: Path, make_llama: Any, tokenizer: Any, examples: Any, step: int
) -> None:
    whole = train(tmp_path / "whole", make_llama(), tokenizer, examples)
    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path / "cut", make_llama(), tokenizer, examples, callbacks=[StopAfter(step)])
    cut = train(tmp_path / "cut", make_llama(), tokenizer, examples, resume=True)
    pd.testing.assert_frame_equal(whole, cut)


def test_examples_are_drawn_evenly() -> None:
    assert _spread(3) == [0, 1, 2]
    drawn = _spread(10 * EXAMPLES)
    assert drawn == list(range(0, 10 * EXAMPLES, 10))
    assert len(set(_spread(EXAMPLES + 1))) == EXAMPLES
