"""Rounding weights: its bounds, its levels, and what stays untouched."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny_models
import torch
from runs_here import execute_here
from torch import nn

from simnpo.errors import UserError
from simnpo.evaluation.evaluation import read_evaluation
from simnpo.experiments import quantize_run
from simnpo.experiments.attacks.quantize import Quantize
from simnpo.experiments.attacks.results import curve_of, execute
from simnpo.experiments.attacks.setup import AttackSetup
from simnpo.experiments.attacks.targets import targets
from simnpo.experiments.quantize_run import GROUP, quantize_model, round_to_nearest
from simnpo.experiments.run import DONE


@pytest.fixture
def weight() -> torch.Tensor:
    return torch.randn(6, 2 * GROUP + 40, generator=torch.Generator().manual_seed(0))


def test_a_row_by_hand() -> None:
    row = torch.tensor([[7.0, -3.4, 0.6, 0.4, -7.0]])  # in 4 bits a scale of 1
    assert round_to_nearest(row, 4).tolist() == [[7, -3, 1, 0, -7]]
    assert round_to_nearest(row * 127 / 7, 8).tolist() == [[127, -62, 11, 7, -127]]


@pytest.mark.parametrize("bits", [4, 8])
def test_no_weight_moves_by_more_than_half_a_scale(weight: torch.Tensor, bits: int) -> None:
    rounded = round_to_nearest(weight, bits)
    groups = weight.split(GROUP, dim=1) if bits == 4 else (weight,)
    scales = [
        group.abs().amax(1, keepdim=True).expand_as(group) / (2 ** (bits - 1) - 1)
        for group in groups
    ]
    moved = (rounded - weight).abs()
    assert (moved <= torch.cat(scales, 1) / 2 * (1 + 1e-5)).all()
    assert (moved > torch.cat(scales, 1) / 4).any()


@pytest.mark.parametrize("bits", [4, 8])
def test_rounding_again_changes_nothing(weight: torch.Tensor, bits: int) -> None:
    once = round_to_nearest(weight, bits)
    torch.testing.assert_close(round_to_nearest(once, bits), once, rtol=1e-6, atol=0)
    assert not torch.equal(once, weight)


def test_levels_of_a_group(weight: torch.Tensor) -> None:
    for group in round_to_nearest(weight, 4).split(GROUP, dim=1):
        counts = [len(row.unique()) for row in group]
        assert max(counts) <= 16 and max(counts) > 8
    rows = [len(row.unique()) for row in round_to_nearest(weight, 8)]
    assert 64 < max(rows) <= 256
    assert max(len(row.unique()) for row in round_to_nearest(weight, 4)) > 16  # over all groups


def test_a_row_of_zeros_stays(weight: torch.Tensor) -> None:
    weight[2] = 0
    rounded = round_to_nearest(weight, 4)
    assert not rounded[2].any() and rounded.isfinite().all()


def test_bfloat16_stays_bfloat16(weight: torch.Tensor) -> None:
    rounded = round_to_nearest(weight.bfloat16(), 4)
    assert rounded.dtype == torch.bfloat16
    assert max(len(row.unique()) for row in rounded[:, :GROUP]) <= 16


@pytest.mark.parametrize("tied", [True, False])
def test_the_head_and_the_embedding_stay(make_llama: Any, tied: bool) -> None:
    model, before = make_llama(tie_word_embeddings=tied), make_llama(tie_word_embeddings=tied)
    share = quantize_model(model, 4)
    assert (model.lm_head.weight is model.model.embed_tokens.weight) is tied
    names = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    rounded = 0
    for (name, new), old in zip(model.named_parameters(), before.parameters(), strict=True):
        layer = name.removesuffix(".weight")
        expected = old if layer not in names - {"lm_head"} else round_to_nearest(old, 4)
        assert torch.equal(new, expected), name
        rounded += 0 if expected is old else new.numel()
    assert share == rounded / sum(one.numel() for one in model.parameters())
    assert 0.3 < share < 1


def test_gpt2_holds_its_weights_transposed() -> None:
    model, before = tiny_models.gpt2(), tiny_models.gpt2()
    quantize_model(model, 4)
    layer = model.transformer.h[0].mlp.c_fc.weight
    old = before.transformer.h[0].mlp.c_fc.weight
    assert torch.equal(layer, round_to_nearest(old.detach().T, 4).T)
    assert torch.equal(model.transformer.wpe.weight, before.transformer.wpe.weight)


def test_a_model_without_linear_layers() -> None:
    class OnlyHead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lm_head = nn.Linear(2, 2)

        def get_output_embeddings(self) -> nn.Module:
            return self.lm_head

    with pytest.raises(UserError, match="nothing to quantize"):
        quantize_model(OnlyHead(), 8)


def test_evaluations_are_kept_and_not_made_again(
    model_folder: Path, tofu_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simnpo.experiments.pool.execute", partial(execute_here, []))
    attack = Quantize()
    setup = AttackSetup("tofu", "forget05", str(tofu_folder), measured_in="fp32")
    models = targets([str(model_folder)], None, None, setup)

    def quantized() -> pd.DataFrame:
        execute(attack, models, tmp_path, 1)
        return curve_of(attack, models, tmp_path)

    curve = quantized()
    probability = curve[curve["metric"] == "retain.probability"].set_index("step")["value"]
    assert list(probability.index) == [0, 1, 2]
    assert 0 < abs(probability[1] - probability[0]) < abs(probability[2] - probability[0])
    summary = read_evaluation(next(tmp_path.glob("*-4-bits-*"))).summary
    assert summary["name"] == "tiny-llama, 4 bits" and summary["quantized_bits"] == 4
    assert 0 < summary["quantized_share"] < 1
    next(tmp_path.glob(f"*-8-bits-*/{DONE}")).unlink()  # what a kill leaves
    made: list[Any] = []
    evaluate = quantize_run.evaluate_into
    monkeypatch.setattr(
        quantize_run,
        "evaluate_into",
        lambda *args, **kw: (made.append(args), evaluate(*args, **kw)),
    )
    assert quantized().equals(curve)
    assert len(made) == 1
