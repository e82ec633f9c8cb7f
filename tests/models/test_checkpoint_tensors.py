"""A checkpoint whose tensors are not the model's is refused by name, and never filled up."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from simnpo.errors import UserError
from simnpo.models import load_model, save_model
from simnpo.models.tensors import is_constant, unwrapped
from simnpo.system.notes import note_once

Change = Callable[[dict[str, Tensor]], dict[str, Tensor]]


@pytest.fixture
def changed(model_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a model with other tensors, and perhaps another configuration."""

    def make(change: Change, source: Path = model_folder, **config: Any) -> Path:
        folder = Path(
            shutil.copytree(source, tmp_path / f"changed-{len(list(tmp_path.iterdir()))}")
        )
        path = folder / "model.safetensors"
        tensors = {name: one.clone() for name, one in change(load_file(path)).items()}
        save_file(tensors, path, metadata={"format": "pt"})
        settings = json.loads((folder / "config.json").read_text()) | config
        (folder / "config.json").write_text(json.dumps(settings))
        return folder

    return make


def prefixed(prefix: str) -> Change:
    return lambda tensors: {prefix + name: one for name, one in tensors.items()}


def within(place: str, wrapper: str) -> Change:
    """Put a wrapper's name behind `place`, wherever it is."""
    return lambda tensors: {re.sub(place, rf"\g<0>{wrapper}.", k): v for k, v in tensors.items()}


WRAPPED = {
    "compiled": prefixed("_orig_mod."),
    "DDP": prefixed("module."),
    "DDP of compiled": prefixed("module._orig_mod."),
    "compiled DDP": prefixed("_orig_mod.module."),
    "DDP twice": prefixed("module.module."),
    "Fabric": prefixed("_forward_module."),
    "FSDP": prefixed("_fsdp_wrapped_module."),
    "FSDP of each layer": within(r"^|layers\.\d+\.|self_attn\.", "_fsdp_wrapped_module"),
    "compiled layers": within(r"layers\.\d+\.", "_orig_mod"),
    "checkpointed layers": within(r"layers\.\d+\.", "_checkpoint_wrapped_module"),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_wrapped_names_are_read_without_and_said(
    changed: Callable[..., Path],
    model_folder: Path,
    kind: str,
    tokenizer: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    note_once.cache_clear()
    folder = changed(WRAPPED[kind])
    model, plain = load_model(str(folder), "fp32"), load_model(str(model_folder), "fp32")
    for (name, one), other in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other), name
    said = capsys.readouterr().err
    assert said.count(f"Note: tensors of {folder} have a wrapper's names, such as ") == 1
    assert "MISSING" not in said
    save_model(model, tokenizer, tmp_path / "saved")
    saved = load_file(tmp_path / "saved" / "model.safetensors")
    assert saved.keys() == load_file(model_folder / "model.safetensors").keys()


def test_unwrapped_names() -> None:
    assert unwrapped("module._orig_mod.model.layers.0._orig_mod.mlp") == "model.layers.0.mlp"
    assert unwrapped("model.submodule.weight") == "model.submodule.weight"


def without(part: str) -> Change:
    return lambda tensors: {name: one for name, one in tensors.items() if part not in name}


def renamed(old: str, new: str) -> Change:
    return lambda tensors: {name.replace(old, new): one for name, one in tensors.items()}


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        load_model(str(folder), "fp32")
    message = str(caught.value)
    assert message.startswith(f"cannot load the model {folder}: "), message
    assert message.count("\n") < 5
    for word in words:
        assert word in message, message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without(".layers.1."), ("Missing: model.layers.1.", " and 6 more", "incomplete")),
        (without("lm_head"), ("Missing: lm_head.weight.", '"tie_word_embeddings": true')),
        (without("embed_tokens"), ("Missing: model.embed_tokens.weight.", "incomplete")),
        (renamed("self_attn", "attention"), ("Missing: ", "Not the model's: ", "save_pretrained")),
        (
            lambda t: t | {"v_head.summary.weight": torch.ones(1, 32)},
            ("Not the model's: v_head.summary.weight.", "config.json"),
        ),
        (
            lambda t: {
                name.replace("q_proj.weight", "q_proj.base_layer.weight"): one
                for name, one in t.items()
            }
            | {"model.layers.0.self_attn.q_proj.lora_A.default.weight": torch.ones(2, 32)},
            ("lora_A", "merge them"),
        ),
        (
            lambda t: t | {"model.norm.weight": torch.ones(16)},
            ("Of another shape: model.norm.weight [16] instead of [32].",),
        ),
    ],
)  # fmt: skip
def test_other_tensors_are_refused_by_name(
    changed: Callable[..., Path], change: Change, words: tuple[str, ...]
) -> None:
    refused(changed(change), *words)


def test_a_configuration_of_another_size(changed: Callable[..., Path]) -> None:
    same: Change = dict
    refused(changed(same, num_hidden_layers=3), "Missing: model.layers.2.")
    refused(changed(same, num_hidden_layers=1), "Not the model's: model.layers.1.")
    refused(changed(same, intermediate_size=48), "Of another shape: ", "instead of [48, 32]")
    refused(changed(same, vocab_size=500), "model.embed_tokens.weight")


def test_constants_of_older_versions_are_no_fault(tmp_path: Path) -> None:
    cases = {
        "gpt2": "transformer.h.0.attn.bias",
        "lfm2": "model.layers.1.self_attn.rotary_emb.inv_freq",
        "bloom": "transformer.h.0.self_attention.masked_bias",
    }
    for name, constant in cases.items():
        getattr(tiny_models, name)().save_pretrained(tmp_path / name)
        path = tmp_path / name / "model.safetensors"
        tensors = load_file(path) | {constant: torch.ones(1, 1, 8, 8)}
        save_file(tensors, path, metadata={"format": "pt"})
        load_model(str(tmp_path / name), "fp32")
    assert not is_constant("transformer.h.0.mlp.c_fc.bias", tiny_models.gpt2())
    assert is_constant("transformer.h.0.attn.attention.bias", nn.Module)  # GPT-Neo's mask


def test_names_without_the_models_own_prefix(tmp_path: Path) -> None:
    model = tiny_models.gpt2()
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    bare = {k.removeprefix("transformer."): v for k, v in load_file(path).items()}
    save_file(bare, path, metadata={"format": "pt"})
    loaded = load_model(str(tmp_path), "fp32")
    assert torch.equal(loaded.transformer.wte.weight, model.transformer.wte.weight)


def test_a_head_of_its_own_where_the_configuration_ties_it(
    changed: Callable[..., Path], make_llama: Any, tokenizer: Any, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    note_once.cache_clear()
    folder = changed(dict, tie_word_embeddings=True)
    model: Any = load_model(str(folder), "fp32")
    assert torch.equal(model.lm_head.weight, make_llama().lm_head.weight)
    assert "the LM head is the embedding, and it has weights" in capsys.readouterr().err
    model.tie_weights()  # as many a library calls it
    assert model.lm_head.weight is not model.model.embed_tokens.weight
    save_model(model, tokenizer, tmp_path / "saved")
    assert json.loads((tmp_path / "saved/config.json").read_text())["tie_word_embeddings"] is False


@pytest.mark.parametrize("stored", ["embedding", "head", "both"])
def test_a_tied_head_may_be_stored_once_or_twice(
    make_llama: Any, tmp_path: Path, stored: str
) -> None:
    model = make_llama(tie_word_embeddings=True)
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    if stored != "embedding":
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    if stored == "head":
        del tensors["model.embed_tokens.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    loaded: Any = load_model(str(tmp_path), "fp32")
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    assert torch.equal(loaded.lm_head.weight, model.lm_head.weight)


def test_experts_of_before_they_were_stacked(tmp_path: Path) -> None:
    """Mixtral's published checkpoints: stacked as they are loaded, unstacked as they are saved."""
    model = tiny_models.mixtral()
    model.save_pretrained(tmp_path)
    names = load_file(tmp_path / "model.safetensors")
    assert any(".experts.3.w1.weight" in name for name in names)
    loaded: Any = load_model(str(tmp_path), "fp32")
    for one, other in zip(loaded.parameters(), model.parameters(), strict=True):
        assert torch.equal(one, other)
    left = {name: one for name, one in names.items() if ".experts.3." not in name}
    save_file(left, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="cannot load the model"):
        load_model(str(tmp_path), "fp32")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_weight_that_is_no_number_is_refused(
    model_folder: Path, tmp_path: Path, value: float
) -> None:
    """In a row of the embedding that no text needs it would never show."""
    folder = Path(shutil.copytree(model_folder, tmp_path / "broken"))
    tensors = load_file(folder / "model.safetensors")
    tensors["model.embed_tokens.weight"][-1, 3] = value
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"1 of its tensors hold NaN or infinity, such as model\."):
        load_model(str(folder))
