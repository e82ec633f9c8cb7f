"""Weights on disk: put back bit by bit, and the ones between two states."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from torch import nn

from simnpo.errors import UserError
from simnpo.storage.ownership import close_list, open_list
from simnpo.training.states import START, STATES, States, remove_states
from simnpo.training.target import Scale


class Two(nn.Module):
    """One weight that is trained, and one that is not."""

    def __init__(self, trained: list[float], dtype: torch.dtype = torch.float32):
        super().__init__()
        self.trained = nn.Parameter(torch.tensor(trained, dtype=dtype))
        self.frozen = nn.Parameter(torch.tensor([7.0]), requires_grad=False)


@pytest.fixture(autouse=True)
def listed(tmp_path: Path) -> Iterator[None]:
    """What is written is known to be simnpo's, as in a run."""
    open_list(tmp_path)
    yield
    close_list(tmp_path)


def put(model: Any, values: list[float]) -> None:
    with torch.no_grad():
        model.trained.copy_(torch.tensor(values))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_way_from_the_start(tmp_path: Path, dtype: torch.dtype) -> None:
    states, model = States(tmp_path / STATES), Two([1.0, -2.0], dtype)
    states.save(model, START)
    put(model, [5.0, 0.1])
    end = model.trained.detach().clone()
    states.save(model, "end")
    put(model, [100.0, 100.0])
    states.interpolate(model, "end", Scale(0.75))  # 1 + .75 * 4; -2 + .75 * 2.1
    torch.testing.assert_close(
        model.trained.float(), torch.tensor([4.0, -0.425]).to(dtype).float(), rtol=1e-6, atol=2e-3
    )
    states.interpolate(model, "end", Scale())
    assert torch.equal(model.trained, end)
    states.interpolate(model, "end", Scale(0))
    assert model.trained.tolist() == [1.0, -2.0]
    states.load(model, "end")
    assert torch.equal(model.trained, end) and model.frozen.tolist() == [7.0]


@pytest.mark.parametrize(
    "name", ["gpt2", "gemma2", "bloom", "falcon", "opt", "mixtral", "cohere", "lfm2"]
)
def test_the_attention_has_a_share_of_its_own(tmp_path: Path, name: str) -> None:
    """Of its projections, whatever they are called; norms and all else go with the rest."""
    states, model = States(tmp_path / STATES), getattr(tiny_models, name)()
    start = {key: weight.detach().clone() for key, weight in model.named_parameters()}
    states.save(model, START)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1)
    states.save(model, "end")
    states.interpolate(model, "end", Scale(0.5, 0.25))
    moved = {
        key: round(float((weight.detach() - start[key]).mean()), 3)
        for key, weight in model.named_parameters()
    }
    own = {key for key, share in moved.items() if share == 0.25}
    assert set(moved.values()) == {0.25, 0.5}
    inside = [
        f"{path}.{key}"
        for path, module in model.named_modules()
        if type(module).__name__.endswith("Attention")
        for key, _ in module.named_parameters()
    ]
    assert own == set(inside)


def test_weights_that_are_set_aside_are_there_for_as_long_as_that_lasts(tmp_path: Path) -> None:
    states, model = States(tmp_path / STATES), Two([1.0])
    with states.set_aside(model) as name:
        put(model, [3.0])
        states.load(model, name)
        assert model.trained.tolist() == [1.0]
    assert not list((tmp_path / STATES).glob("*.safetensors"))


def test_states_that_nothing_needs_are_removed_and_a_users_file_is_not(tmp_path: Path) -> None:
    states, model = States(tmp_path / STATES), Two([1.0])
    for name in (START, "step-1", "step-2"):
        states.save(model, name)
    own = tmp_path / STATES / "mine.safetensors"
    own.write_bytes(b"mine")
    states.keep_only(START, "step-2")
    assert {path.stem for path in own.parent.glob("*.safetensors")} == {START, "step-2", "mine"}
    remove_states(tmp_path)
    assert [path.name for path in own.parent.glob("*.safetensors")] == ["mine.safetensors"]


@pytest.mark.parametrize("content", [None, b"{", b""])
def test_a_state_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    states, model = States(tmp_path / STATES), Two([1.0])
    if content is not None:
        states.folder.mkdir()
        states.path("step-3").write_bytes(content)
    with pytest.raises(UserError, match=r"step-3\.safetensors, a state of the run"):
        states.load(model, "step-3")
