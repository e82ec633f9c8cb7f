"""Which models are taken: causal ones with full weights; others are refused in a line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
import transformers
from safetensors import safe_open
from tiny_models import SHAPE

from simnpo.config import LoraConfig
from simnpo.errors import UserError
from simnpo.models import load_model
from simnpo.models.kinds import check_causal
from simnpo.models.whole import other_parts
from simnpo.planning.shape import read_shape, shape_of
from simnpo.training.adapters import add_adapters

SMALL = {
    "vocab_size": 400,
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
BERT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "image_size": 28,
    "patch_size": 14,
}


def bert(kind: str, **changes: Any) -> Any:
    settings = BERT | {"vocab_size": 400, "intermediate_size": 64} | changes
    return getattr(transformers, kind)(transformers.BertConfig(**settings)).eval()


OTHERS: dict[str, Callable[[], Any]] = {
    "T5": lambda: transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=400, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4
        )
    ),
    "Marian": lambda: transformers.MarianMTModel(
        transformers.MarianConfig(**SMALL, pad_token_id=0, decoder_start_token_id=0)
    ),
    "BART": lambda: transformers.BartForConditionalGeneration(transformers.BartConfig(**SMALL)),
    "masked LM": lambda: bert("BertForMaskedLM"),
    "classifier": lambda: transformers.LlamaForSequenceClassification(
        transformers.LlamaConfig(**SHAPE)
    ),
    "LLaVA": lambda: transformers.LlavaForConditionalGeneration(
        transformers.LlavaConfig(
            text_config=transformers.LlamaConfig(**SHAPE),
            vision_config=transformers.CLIPVisionConfig(**VISION),
            image_token_index=390,
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_are_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    OTHERS[kind]().save_pretrained(tmp_path)
    for look in (load_model, read_shape):
        with pytest.raises(UserError, match="causal LM") as caught:
            look(str(tmp_path))
        message = str(caught.value)
        assert "\n" not in message and len(message) < 400 and str(tmp_path) in message


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_later_token_may_not_move_earlier_logits(dtype: torch.dtype) -> None:
    """BERT's class for causal LMs is causal by its configuration alone."""
    torch.manual_seed(0)
    wide = {"initializer_range": 0.2}
    with pytest.raises(UserError, match=r"^x is not a causal LM: in BertLMHeadModel a later token"):
        check_causal(bert("BertLMHeadModel", **wide).to(dtype), "x")
    check_causal(bert("BertLMHeadModel", is_decoder=True, **wide).to(dtype), "x")


def test_freshly_made_bert_is_found_out_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    bert("BertLMHeadModel").save_pretrained(tmp_path)
    with pytest.raises(UserError, match="not a causal LM"):
        load_model(str(tmp_path), "fp32")


@pytest.mark.parametrize(
    "name",
    ["gpt2", "gemma2", "bloom", "lfm2", "falcon_h1", "granite", "cohere", "mixtral"],
)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "mixed"])
def test_causal_models_are_taken(name: str, precision: Any, tmp_path: Path) -> None:
    getattr(tiny_models, name)().save_pretrained(tmp_path)
    load_model(str(tmp_path), precision)


@pytest.mark.parametrize(
    "settings",
    [
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True},
        {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"},
        {"quant_method": "bitsandbytes", "load_in_8bit": True},
        {"quant_method": "fp8", "weight_block_size": [128, 128]},
        {"quant_method": "mxfp4"},
        {"quant_method": "another_tool"},
        {"bits": 4},
    ],
)
def test_quantised_weights_are_refused_in_a_line(
    model_folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "quantised"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": settings}))
    named = settings.get("quant_method", "by an unknown tool")
    for look in (load_model, read_shape):
        with pytest.raises(UserError) as caught:
            look(str(folder))
        message = str(caught.value)
        assert f"it is quantised ({named}), and full weights are needed" in message
        assert "``load_in_4bit``" in message and "pip" not in message and "\n" not in message


def gemma3() -> Any:
    text = SHAPE | {"head_dim": 8, "sliding_window": 16}
    text["layer_types"] = ["sliding_attention", "full_attention"]
    tokens = {"mm_tokens_per_image": 4, "image_token_index": 390, "boi_token_index": 391}
    config = transformers.Gemma3Config(
        text_config=text, vision_config=VISION, eoi_token_index=392, **tokens
    )
    return transformers.Gemma3ForConditionalGeneration(config)


def qwen35() -> Any:
    linear = {
        "linear_num_value_heads": 4,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "layer_types": ["linear_attention", "full_attention"],
    }
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4}
    config = transformers.Qwen3_5Config(
        text_config=SHAPE | {"head_dim": 8} | linear, vision_config=vision | {"out_hidden_size": 32}
    )
    return transformers.Qwen3_5ForConditionalGeneration(config)


def llama4() -> Any:
    text = SHAPE | {"head_dim": 8, "intermediate_size_mlp": 64, "num_local_experts": 2}
    text["num_experts_per_tok"] = 1
    vision = VISION | {"vision_output_dim": 32, "projector_input_dim": 32}
    vision |= {"projector_output_dim": 32, "intermediate_size": 128}
    config = transformers.Llama4Config(text_config=text, vision_config=vision)
    return transformers.Llama4ForConditionalGeneration(config)


SEEING = {"Gemma 3": gemma3, "Qwen 3.5": qwen35, "Llama 4": llama4}


@pytest.fixture(params=SEEING)
def seeing(request: pytest.FixtureRequest, tmp_path: Path, tokenizer: Any) -> Path:
    """A model that sees, in a folder."""
    torch.manual_seed(0)
    folder = tmp_path / "seeing"
    SEEING[request.param]().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def stored(folder: Path) -> dict[str, torch.Tensor]:
    with safe_open(folder / "model.safetensors", "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def test_what_sees_is_kept_as_it_is(
    seeing: Path, tokenizer: Any, examples: Any, tmp_path: Path
) -> None:
    from simnpo.config import TrainingConfig
    from simnpo.methods.registry import build_method
    from simnpo.training.run import TrainingData, train_model

    model: Any = load_model(str(seeing), "fp32")
    config = TrainingConfig(
        epochs=2, learning_rate=1e-2, warmup_epochs=0, batch_size=4, micro_batch_size=4
    )
    data = TrainingData(forget=examples[:4], retain=examples[4:])
    names = {id(one): name for name, one in model.named_parameters()}
    frozen = {names[id(one)] for one in other_parts(model)}
    assert frozen and all("vis" in name or "multi_modal" in name for name in frozen)
    train_model(model, tokenizer, build_method("simnpo"), data, config, tmp_path / "out")
    before, after = stored(seeing), stored(tmp_path / "out" / "model")
    assert before.keys() == after.keys()
    same = {name for name, one in before.items() if torch.equal(one, after[name])}
    assert sum("vis" in name for name in same) == sum("vis" in name for name in before)
    assert not any(name.endswith("o_proj.weight") and "vis" not in name for name in same)
    kinds = [
        json.loads((one / "config.json").read_text()) for one in (seeing, tmp_path / "out/model")
    ]
    assert kinds[0]["architectures"] == kinds[1]["architectures"]


def test_adapters_are_put_on_the_text_part(seeing: Path) -> None:
    model: Any = load_model(str(seeing), "fp32")
    planned = read_shape(str(seeing))
    assert planned == shape_of(model) and planned.frozen > 0
    adapted = add_adapters(model, LoraConfig(rank=2))
    trained = {name: one for name, one in adapted.named_parameters() if one.requires_grad}
    assert trained and not any("vis" in name for name in trained)
    assert sum(one.numel() for one in trained.values()) == 2 * planned.adapted


def test_a_plain_model_has_no_other_parts(make_llama: Any) -> None:
    assert other_parts(make_llama()) == []
