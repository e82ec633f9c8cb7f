"""Adapters that read only what sets the forget set apart from the retain set."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import scipy.linalg
import torch
from torch import Tensor

from simnpo.config import LoraConfig, TrainingConfig
from simnpo.data.encoding import Encoded
from simnpo.errors import UserError
from simnpo.methods.registry import build_method
from simnpo.planning.memory import Plan, subspace_inputs
from simnpo.planning.shape import shape_of
from simnpo.system.notes import note_once
from simnpo.training import adapter_subspace
from simnpo.training.adapter_subspace import RIDGE, directions, fix_subspace, set_subspace
from simnpo.training.adapters import add_adapters, original


def test_the_direction_of_the_forget_set_that_the_retain_set_lacks() -> None:
    """By hand: both sets are large along the first axis, the forget set alone along the second."""
    forget = torch.tensor([[10.0, 5.0, 0.0], [10.0, -5.0, 0.0]])
    retain = torch.tensor([[10.0, 0.0, 0.0], [-10.0, 0.0, 0.0]])
    (row,) = directions(forget, retain, 1)
    # The inputs' mean square is (100 + 25 + 0) / 3; a third of it is wanted of 25 times row[1]².
    assert row[1].abs().item() == pytest.approx((125 / 9 / 25) ** 0.5, rel=1e-6)
    assert row[[0, 2]].abs().max() < 1e-9


@pytest.mark.parametrize(("tokens", "width"), [(40, 12), (8, 30)])
@pytest.mark.parametrize("count", [2, 7])
def test_directions_are_the_generalised_eigenvectors(tokens: int, width: int, count: int) -> None:
    draw = torch.Generator().manual_seed(0)
    scales = 2.0 ** -torch.arange(width)  # spectra with gaps, so that directions are unique
    forget = torch.randn(tokens, width, generator=draw) * scales
    retain = torch.randn(50, width, generator=draw) * scales.flip(0)
    found = directions(forget, retain, count)
    own, other = (x.double().numpy().T @ x.double().numpy() / len(x) for x in (forget, retain))
    least = RIDGE * float(forget.double().square().mean())
    ratios, vectors = scipy.linalg.eigh(own, other + least * np.eye(width))
    for row, plain in zip(found.numpy(), vectors.T[::-1], strict=False):
        cosine = row @ plain / np.linalg.norm(row) / np.linalg.norm(plain)
        assert abs(cosine) == pytest.approx(1, abs=1e-4)
    sizes = (forget.double() @ found.T).square().mean(0)
    expected = torch.tensor(ratios[::-1][:count].copy()).clamp_max(1)
    torch.testing.assert_close(sizes, expected * forget.double().square().mean() / 3)


@pytest.mark.parametrize("count", [3, 7])  # of two tokens' directions, at a width of 5
def test_rows_beyond_the_directions_of_the_forget_set_read_nothing(count: int) -> None:
    retain = 100 * torch.eye(5)[1:3]
    found = directions(torch.eye(5)[:2], retain, count)
    assert found.shape == (count, 5)
    assert found[0].any() and not found[2:].any()
    assert not directions(torch.zeros(2, 5), torch.eye(5), 2).any()


def test_no_row_reads_more_of_the_retain_set_than_a_random_one() -> None:
    """Also where both sets are alike, or the retain set is larger everywhere."""
    draw = torch.Generator().manual_seed(0)
    forget, retain = (torch.randn(30, 8, generator=draw) * size for size in (1, 5))
    found = directions(forget, retain, 8)
    usual = forget.double().square().mean() / 3
    assert ((retain.double() @ found.T).square().mean(0) <= usual * (1 + 1e-9)).all()


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_the_scale_of_a_layers_inputs_does_not_matter(size: float) -> None:
    draw = torch.Generator().manual_seed(0)
    forget, retain = (size * torch.randn(20, 6, generator=draw) for _ in range(2))
    found = directions(forget, retain * torch.tensor([1e-3, 1e-3, 1, 1, 1, 1]), 2)
    sizes = (forget.double() @ found.T).square().mean(0)
    torch.testing.assert_close(sizes, forget.double().square().mean().expand(2) / 3)


def test_activations_that_are_not_finite() -> None:
    with pytest.raises(UserError, match="NaN or infinite"):
        directions(torch.tensor([[1.0, torch.inf]]), torch.eye(2), 1)


def test_a_rank_that_the_forget_set_does_not_fill_is_noted(
    adapted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    note_once.cache_clear()
    one = [Encoded((5, 6, 7, 8, 9), 3)]  # two tokens, of which the first layer reads two directions
    set_subspace(adapted, one, rows(2))
    said = capsys.readouterr().err
    assert "2 of 4 rows of the adapters' A are 0" in said and "lower --lora-rank" in said
    for layer in adapter_subspace._layers(adapted).values():
        assert not layer.lora_A["default"].weight[2:].any()


def rows(seed: int, count: int = 3) -> list[Encoded]:
    draw = torch.Generator().manual_seed(seed)
    return [Encoded(tuple(torch.randint(64, (9,), generator=draw).tolist()), 5)] * count


@pytest.fixture
def adapted(llama: Any) -> Any:
    """The tiny Llama with adapters that are not set yet."""
    found = add_adapters(llama, LoraConfig(4, subspace="forget"))
    fix_subspace(found)
    return found.eval()


def inputs_of(model: Any, name: str, examples: list[Encoded], places: slice) -> Tensor:
    seen: list[Tensor] = []
    layer = model.get_submodule(name)
    hook = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0][0, places]))
    with torch.no_grad(), original(model):
        for one in examples:
            model(input_ids=torch.tensor([one.ids]))
    hook.remove()
    return torch.cat(seen)


def test_each_layer_gets_the_directions_of_its_inputs(adapted: Any) -> None:
    model, forget, retain = adapted, rows(1), rows(2, 5)
    state = torch.random.get_rng_state()
    set_subspace(model, forget, retain)
    assert torch.equal(state, torch.random.get_rng_state())  # batches are drawn as without
    layers = dict(adapter_subspace._layers(model))
    assert len(layers) == 2 * 7
    for name in ("q_proj", "k_proj", "o_proj", "down_proj"):
        (full,) = [one for one in layers if one.endswith(f"layers.1.{_part(name)}.{name}")]
        own = inputs_of(model, full, forget, slice(4, 8))  # what predicts the four answer tokens
        other = inputs_of(model, full, retain, slice(None))
        weight = layers[full].lora_A["default"].weight
        torch.testing.assert_close(weight, directions(own, other, 4).float())
        assert not weight.requires_grad and layers[full].lora_B["default"].weight.requires_grad
    assert model.training is False


def test_where_other_answers_are_taught_questions_count(adapted: Any) -> None:
    forget, retain = rows(1), rows(2, 5)
    set_subspace(adapted, forget, retain, answers=False)
    name, layer = next(iter(adapter_subspace._layers(adapted).items()))
    own = inputs_of(adapted, name, forget, slice(0, 8))
    other = inputs_of(adapted, name, retain, slice(None))
    torch.testing.assert_close(layer.lora_A["default"].weight, directions(own, other, 4).float())


def _part(name: str) -> str:
    return "self_attn" if name in ("q_proj", "k_proj", "o_proj") else "mlp"


def test_large_sets_are_spread_over(adapted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted
    layers = adapter_subspace._layers(model)
    monkeypatch.setattr(adapter_subspace, "ROWS", 4)
    monkeypatch.setattr(adapter_subspace, "SUBSPACE_TOKENS", 10)
    many = [one for seed in range(9) for one in rows(seed, 1)]
    found = adapter_subspace._inputs(model, layers, many, [range(9)] * 9, "Reading")
    name = next(iter(layers))
    # Every third row goes through the model, and every third of their 27 tokens is kept.
    expected = inputs_of(model, name, many[::3], slice(None))[::3]
    torch.testing.assert_close(found.read(name), expected)


def test_the_plan_counts_the_inputs_that_are_kept(adapted: Any) -> None:
    base = adapted.get_base_model()
    places = [range(8)] * 3
    kept = adapter_subspace._inputs(adapted, adapter_subspace._layers(adapted), rows(1), places, "")
    sizes = [kept.read(name).nbytes for name in set(kept.same.values())]
    method, training = build_method("simnpo"), TrainingConfig(precision="fp32")
    lora = LoraConfig(rank=4, subspace="forget")
    planned = Plan(shape_of(base), method, training, lora, length=8, examples=3, gpu=False)
    assert subspace_inputs(planned) == 2 * sum(sizes)
    assert subspace_inputs(replace(planned, lora=LoraConfig(rank=4))) == 0


def test_a_change_leaves_what_retain_rows_alone_read() -> None:
    """Whatever B becomes: inputs in which the retain set is large are all but invisible to A."""
    draw = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(16, 16, generator=draw)).Q
    forget = torch.randn(30, 6, generator=draw) @ basis[:6]
    retain = 10 * torch.randn(30, 4, generator=draw) @ basis[2:6]
    fixed = directions(forget, retain, 2)
    free = torch.nn.init.kaiming_uniform_(torch.empty(2, 16), 5**0.5, generator=draw).double()
    seen = [(retain.double() @ one.T).square().mean().sqrt().item() for one in (fixed, free)]
    assert seen[0] < 0.1 * seen[1]
    assert (forget.double() @ fixed.T).square().mean() > 0.1


def test_peft_saves_and_loads_fixed_directions(
    adapted: Any, make_llama: Callable[..., Any], tmp_path: Path
) -> None:
    model = adapted
    set_subspace(model, rows(1), rows(2))
    model.save_pretrained(tmp_path)
    again = peft.PeftModel.from_pretrained(make_llama(), tmp_path)
    for name, layer in adapter_subspace._layers(model).items():
        other = again.get_submodule(name).lora_A["default"].weight
        assert torch.equal(layer.lora_A["default"].weight, other)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == 4
