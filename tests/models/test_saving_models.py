"""What is saved: tried before a training, and with the settings that the model came with."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from simnpo.config import LoraConfig, TrainingConfig
from simnpo.errors import UserError
from simnpo.methods.registry import METHODS
from simnpo.models import load_model, load_tokenizer, save_model
from simnpo.models.saving import try_saving
from simnpo.training.adapters import add_adapters
from simnpo.training.run import TrainingData, train_model

CONFIG = TrainingConfig(epochs=1, batch_size=4, micro_batch_size=4, precision="fp32")


def train(folder: Path, out: Path, examples: Any, config: TrainingConfig = CONFIG) -> None:
    model, tokenizer = load_model(str(folder), "fp32"), load_tokenizer(str(folder))
    data = TrainingData(retain=examples)
    train_model(model, tokenizer, METHODS["retrain"], data, config, out)


GENERATION: dict[str, dict[str, Any]] = {
    "sampling values without sampling": {"do_sample": False, "temperature": 0.6, "top_p": 0.9},
    "no pad token": {"pad_token_id": -1},
    "beams that are not there": {"length_penalty": 2.0, "num_beams": 1},
    "stopping of no beams": {"early_stopping": True, "num_beams": 1},
    "all of it": {"do_sample": False, "top_k": 5, "pad_token_id": -1, "length_penalty": 0.5},
    "sampling": {"do_sample": True, "temperature": 0.7, "top_k": 0},
    "no cache": {"use_cache": False},
    "several ends": {"eos_token_id": [1, 7, 9]},
    "a length": {"max_length": 77, "min_new_tokens": 3},
}


@pytest.mark.parametrize("name", GENERATION)
def test_settings_for_generation_stay(
    model_folder: Path, tmp_path: Path, examples: Any, name: str
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "given"))
    path = folder / "generation_config.json"
    given = json.loads(path.read_text()) | GENERATION[name]
    path.write_text(json.dumps(given))
    train(folder, tmp_path / "out", examples)  # with a checkpoint, which is saved too
    saved = json.loads((tmp_path / "out" / "model" / path.name).read_text())
    given.pop("transformers_version"), saved.pop("transformers_version")
    assert saved == given


CONFIGURATION: list[dict[str, Any]] = [
    {"use_cache": True},
    {"use_cache": False},
    {"pad_token_id": -1},
    {"pad_token_id": None, "eos_token_id": [1, 5]},
    {"bos_token_id": None},
    {"mine": {"of": ["my", "own"]}},
]


@pytest.mark.parametrize("changes", CONFIGURATION)
def test_configurations_stay(
    model_folder: Path, tmp_path: Path, examples: Any, changes: dict[str, Any]
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "given"))
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    plain = tmp_path / "plain"  # as transformers itself saves what it loads
    load_model(str(folder), "fp32").save_pretrained(plain)  # type: ignore[operator]
    train(folder, tmp_path / "out", examples)
    saved = [json.loads((one / path.name).read_text()) for one in (plain, tmp_path / "out/model")]
    assert saved[0] == saved[1]
    assert all(saved[1].get(name) == value for name, value in changes.items())


@pytest.fixture(params=[torch.bfloat16, torch.float16])
def half(request: pytest.FixtureRequest, make_llama: Any, tokenizer: Any, tmp_path: Path) -> Path:
    """A model of 16 bits."""
    folder = tmp_path / "half"
    make_llama().to(request.param).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def dtypes(folder: Path) -> tuple[set[torch.dtype], str]:
    tensors = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    return {one.dtype for one in tensors.values()}, config["dtype"]


def test_a_type_that_no_configuration_names(half: Path) -> None:
    path = half / "config.json"
    config = json.loads(path.read_text())
    named = config.pop("dtype")
    path.write_text(json.dumps(config))
    model: Any = load_model(str(half), "fp32")
    assert str(model.stored_dtype) == f"torch.{named}"


def test_what_16_bits_cannot_hold_is_not_rounded(
    llama: Any, tokenizer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with torch.no_grad():
        llama.lm_head.weight[0, 0] = 1e6
    save_model(llama, tokenizer, tmp_path / "model", dtype=torch.float16)
    assert dtypes(tmp_path / "model") == ({torch.float32}, "float32")
    assert "lm_head.weight has values beyond torch.float16" in capsys.readouterr().err


def test_tied_weights_stay_one_as_they_are_rounded(
    make_llama: Any, tokenizer: Any, tmp_path: Path
) -> None:
    model = make_llama(tie_word_embeddings=True)
    save_model(model, tokenizer, tmp_path / "model", dtype=torch.bfloat16)
    assert "lm_head.weight" not in load_file(tmp_path / "model" / "model.safetensors")
    assert dtypes(tmp_path / "model") == ({torch.bfloat16}, "bfloat16")
    assert {one.dtype for one in model.parameters()} == {torch.float32}


class Untimely:
    """A tokenizer that works, and cannot be saved."""

    def __init__(self, tokenizer: Any):
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._tokenizer(*args, **kwargs)

    def __len__(self) -> int:
        return len(self._tokenizer)

    def save_pretrained(self, folder: Path) -> None:
        raise TypeError("Object of type dtype is not JSON serializable")


def spoil_generation(model: Any) -> None:
    model.generation_config.num_beams = -1
    model.generation_config.cache_implementation = "none of these"


def spoil_configuration(model: Any) -> None:
    model.config.mine = {1, 2}  # JSON has no sets


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("spoil", [spoil_generation, spoil_configuration, None])
def test_what_cannot_be_saved_is_told_before_the_first_step(
    llama: Any, tokenizer: Any, examples: Any, tmp_path: Path, spoil: Callable[[Any], None] | None,
    adapted: bool,
) -> None:  # fmt: skip
    if spoil:
        spoil(llama)
    before = {name: one.clone() for name, one in llama.state_dict().items()}
    with pytest.raises(UserError, match="could not be saved after its training") as caught:
        train_model(
            llama,
            tokenizer if spoil else Untimely(tokenizer),
            METHODS["retrain"],
            TrainingData(retain=examples),
            CONFIG,
            tmp_path,
            lora=LoraConfig(rank=2) if adapted else None,
        )
    assert str(caught.value).count("\n") < 5
    after = {name.replace(".base_layer", ""): one for name, one in llama.state_dict().items()}
    assert all(torch.equal(one, after[name]) for name, one in before.items())
    assert not any(tmp_path.iterdir())


def test_tensors_that_share_memory_in_an_unknown_way(
    llama: Any, tokenizer: Any, tmp_path: Path
) -> None:
    whole = torch.randn(64, 32)
    first, second = llama.model.layers
    first.self_attn.q_proj.weight = nn.Parameter(whole[:32])
    second.self_attn.q_proj.weight = nn.Parameter(whole[16:48])
    with pytest.raises(UserError, match="RuntimeError"):
        try_saving(llama, tokenizer, tmp_path)


def test_trying_leaves_nothing(llama: Any, tokenizer: Any, tmp_path: Path) -> None:
    try_saving(llama, tokenizer, tmp_path)
    try_saving(add_adapters(llama, LoraConfig(rank=2)), tokenizer, tmp_path)
    assert not any(tmp_path.iterdir())
