"""Adapters merged as they are loaded: right in float32, rounded once, trainable; others refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import tiny_models
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from simnpo.config import LoraConfig
from simnpo.errors import UserError
from simnpo.models import load_model, load_tokenizer
from simnpo.models.adapters import beneath, load_merged
from simnpo.system.notes import note_once
from simnpo.training.adapters import add_adapters

IDS = torch.tensor([[0, 5, 6, 7, 8, 9]])
LINEAR = "all-linear"


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.eval()(input_ids=IDS).logits.float()
    return found


def adapt(base: Path, folder: Path, config: Any, size: float = 0.1) -> Tensor:
    """Save an adapter with weights of that size on `base`, and return what it says."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = peft.get_peft_model(model, config)
    torch.manual_seed(1)
    with torch.no_grad():
        for one in adapted.parameters():
            if one.requires_grad:
                one.add_(size * torch.randn_like(one))
    adapted.save_pretrained(folder)
    return logits(adapted)


KINDS: dict[str, Callable[[], Any]] = {
    "LoRA": lambda: peft.LoraConfig(r=4, target_modules=LINEAR),
    "LoRA with biases": lambda: peft.LoraConfig(r=4, target_modules=LINEAR, bias="all"),
    "rank-stabilised LoRA": lambda: peft.LoraConfig(
        r=4, target_modules=["q_proj", "down_proj"], use_rslora=True
    ),
    "DoRA": lambda: peft.LoraConfig(r=4, target_modules=LINEAR, use_dora=True),
    "LoRA and a whole head": lambda: peft.LoraConfig(
        r=4, target_modules=["q_proj"], modules_to_save=["lm_head"]
    ),
    "LoRA on the head": lambda: peft.LoraConfig(r=4, target_modules=["q_proj", "lm_head"]),
    "LoRA on the embedding": lambda: peft.LoraConfig(r=4, target_modules=["embed_tokens"]),
    "single tokens": lambda: peft.LoraConfig(
        r=4, target_modules=["q_proj"], trainable_token_indices=[5, 6]
    ),
    "IA3": lambda: peft.IA3Config(
        target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"]
    ),
    "LoHa": lambda: peft.LoHaConfig(r=4, target_modules=["q_proj", "up_proj"]),
    "LoKr": lambda: peft.LoKrConfig(r=4, target_modules=["q_proj", "up_proj"]),
    "OFT": lambda: peft.OFTConfig(oft_block_size=8, target_modules=["q_proj", "up_proj"]),
    "VeRA": lambda: peft.VeraConfig(r=4, target_modules=["q_proj"]),
    "LN tuning": lambda: peft.LNTuningConfig(target_modules=["input_layernorm"]),
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_merged_as_it_is_apart(kind: str, tied: bool, make_llama: Any, tmp_path: Path) -> None:
    make_llama(tie_word_embeddings=tied).save_pretrained(tmp_path / "base")
    config = KINDS[kind]()
    config.task_type = "CAUSAL_LM"
    said = adapt(tmp_path / "base", tmp_path / "adapter", config)
    plain = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "base"))
    assert (said - plain).abs().max() > 1e-2
    merged: Any = load_model(str(tmp_path / "adapter"), "fp32")
    torch.testing.assert_close(logits(merged), said, rtol=1e-4, atol=1e-4)
    assert not any("lora" in name or "base_layer" in name for name in merged.state_dict())
    assert all(one.requires_grad for one in merged.parameters())
    merged(input_ids=IDS).logits.sum().backward()
    merged.save_pretrained(tmp_path / "saved")
    torch.testing.assert_close(logits(load_model(str(tmp_path / "saved"), "fp32")), logits(merged))


@pytest.mark.parametrize(
    "config",
    [
        lambda: peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
        lambda: peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
        lambda: peft.AdaptionPromptConfig(task_type="CAUSAL_LM", adapter_len=2, adapter_layers=1),
        lambda: peft.LoraConfig(
            task_type="CAUSAL_LM", target_modules=["q_proj"], alora_invocation_tokens=[5]
        ),
        lambda: peft.LoraConfig(
            task_type="CAUSAL_LM", target_modules=["q_proj"], layer_replication=[(0, 2), (0, 2)]
        ),
        lambda: peft.PolyConfig(task_type="CAUSAL_LM", target_modules=["q_proj"]),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_kinds_that_cannot_be_merged(
    config: Callable[[], Any], model_folder: Path, tmp_path: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    peft.get_peft_model(model, config()).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="cannot be merged into its base's weights") as caught:
        load_model(str(tmp_path))
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_adapter_for_another_task(model_folder: Path, tmp_path: Path) -> None:
    adapt(model_folder, tmp_path, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"task_type": "SEQ_CLS"}))
    with pytest.raises(UserError, match="is an adapter for SEQ_CLS, and not for a causal LM"):
        load_model(str(tmp_path))


@pytest.fixture
def adapter(model_folder: Path, tmp_path: Path) -> Path:
    """A LoRA adapter on the tiny Llama."""
    config = peft.LoraConfig(r=4, target_modules=LINEAR, task_type="CAUSAL_LM")
    adapt(model_folder, tmp_path / "adapter", config)
    return tmp_path / "adapter"


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    path = folder / "adapter_model.safetensors"
    save_file({k: v.clone() for k, v in change(load_file(path)).items()}, path)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda t: {k: v for k, v in t.items() if ".layers.1." not in k}, "Missing: "),
        (lambda t: {k.replace("q_proj", "query"): v for k, v in t.items()}, "Not the adapter's: "),
        (lambda t: {"other." + k: v for k, v in t.items()}, "Missing: "),
        (lambda t: {k: v[:, :-1] if "lora_A" in k else v for k, v in t.items()}, "size mismatch"),
        (None, "not a safetensors file, or a damaged one"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_that_are_not_the_adapters(adapter: Path, change: Any, word: str) -> None:
    """An adapter without its tensors changes nothing, and would be merged without a word."""
    if change is None:
        (adapter / "adapter_model.safetensors").write_bytes(b"nothing")
    else:
        rewrite(adapter, change)
    with pytest.raises(UserError, match=r"cannot load the (adapter|model)") as caught:
        load_model(str(adapter), "fp32")
    assert word in str(caught.value) and str(caught.value).count("\n") < 5


def test_an_adapter_of_a_wrapped_base(adapter: Path) -> None:
    said = logits(load_model(str(adapter), "fp32"))
    start = "base_model.model."
    rewrite(adapter, lambda t: {k.replace(start, f"{start}_orig_mod."): v for k, v in t.items()})
    torch.testing.assert_close(logits(load_model(str(adapter), "fp32")), said)


def test_an_adapter_on_an_adapter_and_one_on_itself(adapter: Path, tmp_path: Path) -> None:
    lower = load_model(str(adapter), "fp32")
    config = peft.LoraConfig(r=2, target_modules=["v_proj"], task_type="CAUSAL_LM")
    lower.save_pretrained(tmp_path / "merged")  # type: ignore[operator]
    said = adapt(tmp_path / "merged", tmp_path / "upper", config)
    path = tmp_path / "upper" / "adapter_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"base_model_name_or_path": str(adapter)}))
    assert beneath(str(tmp_path / "upper"))[0] == [str(tmp_path / "upper"), str(adapter)]
    upper = load_model(str(tmp_path / "upper"), "fp32")
    torch.testing.assert_close(logits(upper), said, rtol=1e-4, atol=1e-4)
    path.write_text(json.dumps(settings | {"base_model_name_or_path": str(tmp_path / "upper")}))
    with pytest.raises(UserError, match="it is its own base"):
        load_model(str(tmp_path / "upper"))
    path.write_text(json.dumps(settings | {"base_model_name_or_path": None}))
    with pytest.raises(UserError, match="names no base model"):
        load_model(str(tmp_path / "upper"))


def test_a_broken_base_is_told_with_its_adapter(
    adapter: Path, model_folder: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(model_folder, tmp_path / "broken"))
    path = base / "model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if ".layers.1." not in k}, path)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = str(base)
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match=f"the adapter and its base {adapter}: .*broken") as caught:
        load_model(str(adapter))
    assert "Missing: model.layers.1." in str(caught.value)


def test_the_bases_tokenizer_where_an_adapter_has_none(adapter: Path, tokenizer: Any) -> None:
    assert not (adapter / "tokenizer.json").exists()
    found = load_tokenizer(str(adapter))
    assert found.get_vocab() == tokenizer.get_vocab()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_larger_vocabulary_comes_with_the_adapter(model_folder: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    rows = model.get_input_embeddings().weight.shape[0] + 3
    model.resize_token_embeddings(rows)
    saved = ["embed_tokens", "lm_head"]
    config = peft.LoraConfig(
        r=2, target_modules=["q_proj"], modules_to_save=saved, task_type="CAUSAL_LM"
    )
    adapted = peft.get_peft_model(model, config)
    adapted.save_pretrained(tmp_path)
    merged: Any = load_model(str(tmp_path), "fp32")
    assert merged.config.vocab_size == rows == merged.lm_head.weight.shape[0]
    torch.testing.assert_close(logits(merged), logits(adapted))


def half_base(make_llama: Any, folder: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    make_llama().to(dtype).save_pretrained(folder)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16])
def test_the_sum_is_rounded_once(stored: torch.dtype, make_llama: Any, tmp_path: Path) -> None:
    base = half_base(make_llama, tmp_path / "base", stored)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj"], task_type="CAUSAL_LM")
    adapt(tmp_path / "base", tmp_path / "adapter", config)
    low = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    merged: Any = load_model(str(tmp_path / "adapter"), "bf16")
    assert merged.config.dtype == torch.bfloat16
    for name, found in merged.state_dict().items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        due = base[name].float()
        if f"{stem}.lora_A.weight" in low:
            due = due + 2 * (low[f"{stem}.lora_B.weight"] @ low[f"{stem}.lora_A.weight"])
        assert found.dtype == torch.bfloat16 and torch.equal(found, due.bfloat16()), name
    for one in merged.modules():
        if hasattr(one, "inv_freq"):  # what is float32 in every type stays so
            assert one.inv_freq.dtype == torch.float32


def test_small_changes_are_not_rounded_away(
    make_llama: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note_once.cache_clear()
    half_base(make_llama, tmp_path / "base", torch.bfloat16)
    config = peft.LoraConfig(r=4, target_modules=LINEAR, task_type="CAUSAL_LM")
    said = adapt(tmp_path / "base", tmp_path / "adapter", config, 2e-4)
    merged = load_model(str(tmp_path / "adapter"), "bf16")
    assert {one.dtype for one in merged.parameters()} == {torch.float32}
    assert merged.stored_dtype == torch.float32  # so that training saves it so
    torch.testing.assert_close(logits(merged), said, rtol=1e-4, atol=1e-4)
    noted = capsys.readouterr().err
    assert "of what the adapter" in noted and "it is merged in float32, and runs in it" in noted
    kept = load_merged(str(tmp_path / "adapter"))  # as `simnpo merge` does
    assert {one.dtype for one in kept.parameters()} == {torch.bfloat16}
    assert "measure the merged model" in capsys.readouterr().err


@pytest.mark.parametrize("merged", [True, False])
def test_a_base_that_cannot_be_loaded_is_named(
    merged: bool, make_llama: Any, tmp_path: Path
) -> None:
    make_llama().save_pretrained(tmp_path / "base")
    config = peft.LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM")
    adapt(tmp_path / "base", tmp_path / "adapter", config)
    (tmp_path / "base" / "model.safetensors").unlink()
    with pytest.raises(UserError) as caught:
        load_model(str(tmp_path / "adapter"), merge=merged)
    assert str(caught.value).startswith(
        f"cannot load the adapter and its base {tmp_path / 'adapter'}: "
    )
    assert str(tmp_path / "base") in str(caught.value)


def test_an_adapter_on_an_adapter_stays_no_adapter(
    make_llama: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is known before the base is read."""
    make_llama().save_pretrained(tmp_path / "base")
    config = peft.LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM")
    adapt(tmp_path / "base", tmp_path / "one", config)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    path = tmp_path / "two" / "adapter_config.json"
    settings = json.loads(path.read_text()) | {"base_model_name_or_path": str(tmp_path / "one")}
    path.write_text(json.dumps(settings))
    monkeypatch.setattr("simnpo.models.adapters.load_whole", None)
    with pytest.raises(UserError, match="cannot stay unmerged"):
        load_model(str(tmp_path / "two"), merge=False)


@pytest.mark.parametrize("name", ["gpt2", "mixtral"])
def test_our_own_adapters_of_other_architectures(name: str, tmp_path: Path) -> None:
    model = getattr(tiny_models, name)()
    model.save_pretrained(tmp_path / "base")
    adapted = add_adapters(load_model(str(tmp_path / "base"), "fp32"), LoraConfig(rank=4))
    torch.manual_seed(1)
    with torch.no_grad():
        for one in adapted.parameters():
            if one.requires_grad:
                one.add_(0.05 * torch.randn_like(one))
    adapted.save_pretrained(tmp_path / "adapter")
    merged = load_model(str(tmp_path / "adapter"), "fp32")
    torch.testing.assert_close(logits(merged), logits(adapted), rtol=1e-4, atol=1e-4)
