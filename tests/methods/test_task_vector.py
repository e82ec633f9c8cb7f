"""Task vectors against plain arithmetic on saved models, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from simnpo.config import LoraConfig
from simnpo.errors import UserError
from simnpo.methods import task_vector as module
from simnpo.methods.task_vector import EditedModel, TaskVector, task_vector
from simnpo.models import save_model
from simnpo.models import tensor_store as weights
from simnpo.training.adapters import add_adapters


class Pair:
    """A model saved in shards, and another of its kind saved whole."""

    def __init__(self, folder: Path, make: Callable[[], Any], dtype: torch.dtype = torch.float32):
        self.original, self.reinforced = folder / "original", folder / "reinforced"
        model = make().to(dtype)
        model.save_pretrained(self.original, max_shard_size="20KB")
        assert (self.original / weights.INDEX).is_file()
        torch.manual_seed(3)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        model.save_pretrained(self.reinforced)

    def edit(self, alpha: float, out: Path) -> dict[str, Tensor]:
        EditedModel(str(self.original), str(self.reinforced), alpha).save_pretrained(out)
        return stored(out)


def stored(folder: Path) -> dict[str, Tensor]:
    return {
        name: tensor
        for path in folder.glob("*.safetensors")
        for name, tensor in load_file(path).items()
    }


@pytest.fixture
def pair(tmp_path: Path, make_llama: Any) -> Pair:
    return Pair(tmp_path, make_llama)


def test_against_plain_arithmetic(pair: Pair, tmp_path: Path) -> None:
    found = pair.edit(1.5, tmp_path / "out")
    before, after = stored(pair.original), stored(pair.reinforced)
    assert found.keys() == before.keys()
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, before[name] - 1.5 * (after[name] - before[name]))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in found.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_its_ends_are_the_two_models(tmp_path: Path, make_llama: Any, dtype: torch.dtype) -> None:
    pair = Pair(tmp_path, make_llama, dtype)
    before, after = stored(pair.original), stored(pair.reinforced)
    for name, tensor in pair.edit(0.0, tmp_path / "zero").items():
        assert tensor.dtype == dtype and torch.equal(tensor, before[name]), name
    for name, tensor in pair.edit(-1.0, tmp_path / "minus").items():
        torch.testing.assert_close(tensor, after[name])


@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (0, 4)])
def test_chunks_change_nothing(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    start, end = torch.randn(shape), torch.randn(shape)
    whole = task_vector(start, end, 2.5)
    monkeypatch.setattr(module, "CHUNK", 4)
    assert torch.equal(task_vector(start, end, 2.5), whole)
    torch.testing.assert_close(whole, start - 2.5 * (end - start))
    turned = torch.randn(4, 6).t()  # not contiguous
    assert torch.equal(task_vector(turned, turned, 3.0), turned)


def test_what_rounding_changed_is_no_part_of_the_vector() -> None:
    """Over-fitting that did nothing but round its start to bfloat16 leaves the original alone."""
    start = torch.randn(100)
    assert torch.equal(task_vector(start, start.bfloat16(), 50.0), start)
    moved = start.bfloat16() + torch.full((100,), 0.5).bfloat16()
    expected = start - 2 * (moved.float() - start.bfloat16().float())
    torch.testing.assert_close(task_vector(start, moved, 2.0), expected)


def test_shards_with_an_index_as_transformers_expects(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SHARD", 30_000)
    found = pair.edit(2.0, tmp_path / "out")
    index = json.loads((tmp_path / "out" / weights.INDEX).read_text())
    files = sorted(path.name for path in (tmp_path / "out").glob("*.safetensors"))
    count = len(files)
    assert count > 2
    assert files == [f"model-{n:05d}-of-{count:05d}.safetensors" for n in range(1, count + 1)]
    assert set(index["weight_map"].values()) == set(files)
    assert index["metadata"]["total_size"] == sum(one.nbytes for one in found.values())
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in found.items())


def test_no_more_than_two_tensors_and_a_shard_are_held(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted where tensors are read: those read before are gone by then."""
    import weakref

    monkeypatch.setattr(weights, "SHARD", 1)  # a tensor a shard
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = []
    read = weights.Weights.__getitem__

    def counting(self: weights.Weights, name: str) -> Tensor:
        tensor = read(self, name)
        alive.add(tensor)
        most.append(len(alive))
        return tensor

    monkeypatch.setattr(weights.Weights, "__getitem__", counting)
    pair.edit(2.0, tmp_path / "out")
    assert max(most) == 2


def test_configuration_and_tokenizer_come_along(pair: Pair, tokenizer: Any, tmp_path: Path) -> None:
    edited = EditedModel(str(pair.original), str(pair.reinforced), 1.0)
    save_model(edited, tokenizer, tmp_path / "model")
    for name in ("config.json", "generation_config.json"):
        assert (tmp_path / "model" / name).read_bytes() == (pair.original / name).read_bytes()
    assert (tmp_path / "model" / "tokenizer.json").is_file()


@pytest.mark.parametrize("twice", ["original", "reinforced"])
def test_tied_weights_may_be_stored_once_or_twice(tmp_path: Path, twice: str) -> None:
    pair = Pair(tmp_path, tiny_models.gpt2)
    plain = pair.edit(2.0, tmp_path / "plain")
    assert "lm_head.weight" not in plain
    tensors = stored(tmp_path / twice)
    for path in (tmp_path / twice).glob("model*"):
        path.unlink()
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"].clone()
    save_file(tensors, tmp_path / twice / weights.WEIGHTS, metadata={"format": "pt"})
    found = pair.edit(2.0, tmp_path / "found")
    assert ("lm_head.weight" in found) == (twice == "original")
    assert torch.equal(
        found.get("lm_head.weight", plain["transformer.wte.weight"]),
        plain["transformer.wte.weight"],
    )
    one, other = (
        AutoModelForCausalLM.from_pretrained(tmp_path / name) for name in ("plain", "found")
    )
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(one(ids).logits, other(ids).logits)


CONSTANTS: dict[str, tuple[Callable[[], Any], dict[str, Tensor]]] = {
    "mask": (tiny_models.gpt2, {"transformer.h.0.attn.bias": torch.ones(1, 1, 8, 8)}),
    "mask value": (tiny_models.gpt2, {"transformer.h.1.attn.masked_bias": torch.tensor(-1e4)}),
    "rotary": (tiny_models.lfm2, {"model.layers.1.self_attn.rotary_emb.inv_freq": torch.ones(4)}),
    "head's copy": (tiny_models.gpt2, {}),
}


@pytest.mark.parametrize("within", ["original", "reinforced"])
@pytest.mark.parametrize("kind", CONSTANTS)
def test_constants_of_older_versions_stay(tmp_path: Path, kind: str, within: str) -> None:
    make, constants = CONSTANTS[kind]
    pair = Pair(tmp_path, make)
    plain = pair.edit(2.0, tmp_path / "plain")
    rewrite(tmp_path / within, lambda tensors: tensors | constants)
    found = pair.edit(2.0, tmp_path / "found")
    own = constants if within == "original" else {}
    assert found.keys() == plain.keys() | own.keys()
    assert all(torch.equal(found[name], one) for name, one in (plain | own).items())


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Change a saved model's tensors, which then lie in one file."""
    tensors = change(stored(folder))
    for path in folder.glob("model*"):
        path.unlink()
    save_file({k: v.clone() for k, v in tensors.items()}, folder / weights.WEIGHTS)


NAMES: dict[str, Callable[[str], str]] = {
    "compiled": lambda name: f"_orig_mod.{name}",
    "DDP of FSDP": lambda name: f"module._fsdp_wrapped_module.{name}",
    "without the model's name": lambda name: name.removeprefix("transformer."),
}


@pytest.mark.parametrize("within", ["original", "reinforced", "both"])
@pytest.mark.parametrize("kind", NAMES)
def test_names_of_wrappers_and_other_versions(tmp_path: Path, kind: str, within: str) -> None:
    pair = Pair(tmp_path, tiny_models.gpt2)
    plain = pair.edit(2.0, tmp_path / "plain")
    for name in ("original", "reinforced"):
        if within in (name, "both"):
            rewrite(tmp_path / name, lambda t: {NAMES[kind](k): v for k, v in t.items()})
    found = pair.edit(2.0, tmp_path / "found")
    assert not any("_orig_mod" in name or "module" in name for name in found)
    start = "transformer."
    due = {name.removeprefix(start): one for name, one in plain.items()}
    assert {name.removeprefix(start) for name in found} == due.keys()
    assert all(torch.equal(one, due[name.removeprefix(start)]) for name, one in found.items())
    AutoModelForCausalLM.from_pretrained(tmp_path / "found")


def test_a_file_is_preferred_to_an_index_beside_it(pair: Pair, tmp_path: Path) -> None:
    """As transformers does it: a stale index would have another model edited."""
    tensors = {name: torch.zeros_like(one) for name, one in stored(pair.original).items()}
    save_file(tensors, pair.original / weights.WEIGHTS)
    found = weights.Weights(str(pair.original))
    assert not any(found[name].any() for name in found.shapes)


def test_models_of_other_shapes_are_refused(pair: Pair, make_llama: Any, tmp_path: Path) -> None:
    make_llama(intermediate_size=48).save_pretrained(tmp_path / "narrow")
    make_llama(num_hidden_layers=3).save_pretrained(tmp_path / "deep")
    make_llama(attention_bias=True).save_pretrained(tmp_path / "biased")
    original = str(pair.original)
    with pytest.raises(UserError, match=r"mlp\.\w+_proj\.weight has shape .*64.* shape .*48"):
        EditedModel(original, str(tmp_path / "narrow"), 1.0)
    with pytest.raises(UserError, match=r"layers\.2\..* is missing in .*original and has shape"):
        EditedModel(original, str(tmp_path / "deep"), 1.0)
    with pytest.raises(UserError, match=r"bias has shape \[32\] in .*biased.* and is missing in"):
        EditedModel(str(tmp_path / "biased"), original, 1.0)


def test_files_that_cannot_be_read_are_named(pair: Pair, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(pair.reinforced, broken)
    (broken / weights.WEIGHTS).write_bytes(b"not weights")
    with pytest.raises(UserError, match=r"broken.model\.safetensors cannot be read"):
        EditedModel(str(pair.original), str(broken), 1.0)
    (broken / weights.WEIGHTS).unlink()
    with pytest.raises(UserError, match="broken has no safetensors"):
        EditedModel(str(broken), str(pair.original), 1.0)
    shard = next(pair.original.glob("model-*.safetensors"))
    shard.unlink()
    with pytest.raises(UserError, match=shard.name):
        EditedModel(str(pair.original), str(pair.reinforced), 1.0)
    with pytest.raises(UserError, match="looked up on the hub"):
        EditedModel("no-such/model", str(pair.reinforced), 1.0)


def test_adapters_are_refused(pair: Pair, make_llama: Any, tmp_path: Path) -> None:
    add_adapters(make_llama(), LoraConfig(rank=2)).save_pretrained(tmp_path / "adapter")
    with pytest.raises(UserError, match=r"adapter is a LoRA adapter, .* ``lora_merge``"):
        EditedModel(str(pair.original), str(tmp_path / "adapter"), 1.0)


def test_overflow_and_quantised_weights_are_refused(tmp_path: Path, make_llama: Any) -> None:
    pair = Pair(tmp_path, make_llama, torch.float16)
    with pytest.raises(UserError, match=r"alpha 1000000.0 makes \S+ NaN or infinite"):
        pair.edit(1e6, tmp_path / "out")
    tensors = stored(pair.reinforced)
    name = next(name for name in tensors if name.endswith("proj.weight"))
    tensors[name] = tensors[name].to(torch.int8)
    save_file(tensors, pair.reinforced / weights.WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"torch\.int8 .* quantised weights cannot be edited"):
        pair.edit(1.0, tmp_path / "other")


@pytest.mark.parametrize("alpha", [float("nan"), float("inf")])
def test_alpha_is_a_number(alpha: float) -> None:
    with pytest.raises(UserError, match="alpha must be finite"):
        TaskVector(alpha)
