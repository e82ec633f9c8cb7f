"""Pickles and GGUF files made into safetensors: every value kept, nothing run, nothing lost."""

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from make_tiny_gguf import write_gguf
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from simnpo.config import LoraConfig
from simnpo.errors import UserError
from simnpo.models import load_model, load_tokenizer, resolve
from simnpo.models import tensor_store as weights
from simnpo.models.converting import convert
from simnpo.training.adapters import add_adapters


@pytest.fixture
def pickled(model_folder: Path, tmp_path: Path) -> Path:
    """A model whose weights are a pickle."""
    folder = Path(shutil.copytree(model_folder, tmp_path / "pickled"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    (folder / "notes.txt").write_text("mine")
    return folder


def same_weights(folder: Path, other: Path) -> None:
    found, due = (load_model(str(one), "fp32").state_dict() for one in (folder, other))
    assert found.keys() == due.keys()
    assert all(torch.equal(one, due[name]) for name, one in found.items())


def test_a_pickle_becomes_safetensors(pickled: Path, model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made"
    convert(str(pickled), out)
    same_weights(out, model_folder)
    kept = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in out.iterdir()} == kept | {"model.safetensors"}
    assert len(load_tokenizer(str(out))) == len(load_tokenizer(str(model_folder)))
    with pytest.raises(UserError, match="made is there already"):
        convert(str(pickled), out)
    with pytest.raises(UserError, match="has safetensors already"):
        convert(str(model_folder), tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("inner", [None, "state_dict", "model", "module"])
@pytest.mark.parametrize("old", [False, True])
def test_states_in_other_shapes(
    pickled: Path, model_folder: Path, tmp_path: Path, inner: str | None, old: bool
) -> None:
    """Of before torch 1.6, within a larger state, with a wrapper's names, with shared memory."""
    path = pickled / "pytorch_model.bin"
    state: Any = {f"module.{name}": one for name, one in torch.load(path).items()}
    state["module.lm_head.weight"] = state["module.lm_head.weight"].T.contiguous().T
    if inner:
        state = {inner: state}
    torch.save(state, path, _use_new_zipfile_serialization=not old)
    convert(str(pickled), tmp_path / "made")
    same_weights(tmp_path / "made", model_folder)


def test_shards_and_tensors_that_are_one(
    make_llama: Any, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_llama(tie_word_embeddings=True)
    folder = tmp_path / "sharded"
    model.config.save_pretrained(folder)
    state = model.state_dict()  # its head and its embedding are one tensor
    names = sorted(state)
    parts = {"pytorch_model-1.bin": names[:9], "pytorch_model-2.bin": names[9:]}
    for file, part in parts.items():
        torch.save({name: state[name] for name in part}, folder / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    monkeypatch.setattr(weights, "SHARD", 20_000)
    convert(str(folder), tmp_path / "made")
    assert len(list((tmp_path / "made").glob("model-*.safetensors"))) > 1
    found: Any = load_model(str(tmp_path / "made"), "fp32")
    assert all(torch.equal(one, state[name]) for name, one in found.state_dict().items())
    (folder / "pytorch_model-2.bin").unlink()
    with pytest.raises(UserError, match=r"lacks pytorch_model-2\.bin"):
        convert(str(folder), tmp_path / "other")
    assert not (tmp_path / "other").exists()


class Harmful:
    """Something that acts as it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.marker),))


@pytest.mark.parametrize("within", [True, False])
def test_what_would_run_code_is_not_read(pickled: Path, tmp_path: Path, within: bool) -> None:
    marker, path = tmp_path / "ran", pickled / "pytorch_model.bin"
    state: Any = {"lm_head.weight": torch.ones(2), "other": Harmful(marker)}
    if within:
        torch.save(state, path)
    else:
        path.write_bytes(pickle.dumps(Harmful(marker)))
    with pytest.raises(UserError, match=r"pytorch_model\.bin") as caught:
        convert(str(pickled), tmp_path / "made")
    assert not marker.exists() and not (tmp_path / "made").exists()
    assert str(caught.value).count("\n") < 5


@pytest.mark.parametrize("state", [[torch.ones(2)], {"step": 3}, {"a": torch.ones(2), "b": "text"}])
def test_what_is_no_state(pickled: Path, tmp_path: Path, state: Any) -> None:
    torch.save(state, pickled / "pytorch_model.bin")
    with pytest.raises(UserError, match="is not a model's state"):
        convert(str(pickled), tmp_path / "made")


def test_an_adapter_in_a_pickle(
    simnpo: Any, make_llama: Any, model_folder: Path, tmp_path: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    adapted = add_adapters(model, LoraConfig(rank=2))
    with torch.no_grad():
        for one in adapted.parameters():
            one.add_(0.1)
    folder = tmp_path / "adapter"
    adapted.save_pretrained(folder)
    whole = load_model(str(folder), "fp32").state_dict()
    path = folder / "adapter_model.safetensors"
    torch.save(load_file(path), folder / "adapter_model.bin")
    path.unlink()
    with pytest.raises(UserError, match="simnpo convert"):
        load_model(str(folder))
    done = simnpo("convert", "--model", folder, "--out", tmp_path / "made")
    assert done.code == 0, done.err
    assert done.out == f"Model: {tmp_path / 'made'}\n"
    again = load_model(str(tmp_path / "made"), "fp32").state_dict()
    assert all(torch.equal(one, again[name]) for name, one in whole.items())


def test_nothing_to_convert(simnpo: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    done = simnpo("convert", "--model", tmp_path, "--out", tmp_path / "made")
    assert done.code == 1 and "has nothing to convert: none of pytorch_model.bin" in done.err


ROPE = {"rope_theta": 10000.0, "rope_type": "default"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.gguf
def test_a_gguf_is_converted_once(
    simnpo: Any, files: Any, llama: Any, tokenizer: Any, cache: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.gguf"
    write_gguf(llama, tokenizer, path)
    command = ["finetune", "--model", path, "--data", files.retain, "--epochs", 1]
    done = simnpo(*command, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    folder = cache / "gguf" / f"tiny-{digest[:16]}"
    assert done.err.count(f"Note: {path} is converted, once, into {folder}.") == 1
    found = load_model(str(path), "fp32")
    for (name, one), other in zip(found.named_parameters(), llama.parameters(), strict=True):
        assert torch.equal(one, other), name
    config = json.loads((folder / "config.json").read_text())
    assert "quantization_config" not in config
    assert json.loads((folder / "source.json").read_text())["sha256"] == digest
    text = "Question: Where was Ada Vell born?"
    read = load_tokenizer(str(path))
    assert read.decode(read(text).input_ids, skip_special_tokens=True) == text
    times = {one: one.stat().st_mtime_ns for one in folder.iterdir()}
    again = simnpo("plan", "--model", path, "--tflops", 1)
    assert again.code == 0 and "converted" not in again.err
    assert times == {one: one.stat().st_mtime_ns for one in folder.iterdir()}
    assert json.loads((tmp_path / "out" / "run.json").read_text())["config"]["model"] == str(path)
    refused = simnpo("unlearn", "--model", path, "--forget", files.forget, "--revision", "x",
                     "--out", tmp_path / "o2")  # fmt: skip
    assert refused.code == 1 and "it has no revisions" in refused.err


@pytest.mark.gguf
def test_a_gguf_on_request(simnpo: Any, llama: Any, tokenizer: Any, tmp_path: Path) -> None:
    write_gguf(llama, tokenizer, tmp_path / "tiny.gguf", kind=torch.float16)
    out = tmp_path / "made"
    done = simnpo("convert", "--model", tmp_path / "tiny.gguf", "--out", out)
    assert done.code == 0, done.err
    tensors = load_file(out / "model.safetensors")
    assert {one.dtype for one in tensors.values()} == {torch.float16}  # as they were
    assert torch.equal(tensors["lm_head.weight"], llama.lm_head.weight.half())


@pytest.mark.gguf
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"left": "blk.1.ffn_up"}, "Missing: model.layers.1.mlp.up_proj.weight"),
        ({"further": {"blk.0.extra.weight": torch.ones(4, 4)}}, "transformers reads"),
        ({"further": {"rope_factors_long.weight": torch.ones(4)}}, "scales its positions"),
        ({"further": {"rope_freqs.weight": torch.tensor([1.0, 2, 3, 4])}}, "does not know"),
    ],
)
def test_what_of_a_gguf_is_not_read(
    llama: Any, tokenizer: Any, cache: Path, tmp_path: Path, options: Any, words: str
) -> None:
    path = tmp_path / "tiny.gguf"
    write_gguf(llama, tokenizer, path, **options)
    with pytest.raises(UserError, match="cannot load the model") as caught:
        resolve(str(path))
    assert words in str(caught.value) and str(caught.value).count("\n") < 5
    assert not [one for one in (cache / "gguf").iterdir() if not one.name.endswith(".lock")]


@pytest.mark.gguf
def test_positions_that_are_scaled_as_llama_3_does(
    make_llama: Any, tokenizer: Any, cache: Path, tmp_path: Path
) -> None:
    scaled = ROPE | {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    wide = {"hidden_size": 128, "rope_parameters": scaled, "max_position_embeddings": 65536}
    model, plain = make_llama(**wide), make_llama(**wide | {"rope_parameters": ROPE})
    factors = plain.model.rotary_emb.inv_freq / model.model.rotary_emb.inv_freq
    assert 1.5 < factors.max() <= 8
    write_gguf(model, tokenizer, tmp_path / "tiny.gguf", further={"rope_freqs.weight": factors})
    found: Any = load_model(str(tmp_path / "tiny.gguf"), "fp32")
    torch.testing.assert_close(found.model.rotary_emb.inv_freq, model.model.rotary_emb.inv_freq)
    ids = torch.arange(2, 40)[None]
    torch.testing.assert_close(found(ids).logits, model(ids).logits)


@pytest.mark.gguf
def test_a_broken_gguf_and_one_without_the_package(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF and no more")
    with pytest.raises(UserError, match=r"cannot load the model in .*broken\.gguf"):
        resolve(str(path))
    monkeypatch.setattr("simnpo.models.gguf.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'simnpo\[gguf\]'"):
        resolve(str(path))
