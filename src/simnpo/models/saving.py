"""Saving models: whole or not at all, tried before a training, in the type that they came in."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM
from simnpo.models.load_errors import MOST_CHARACTERS
from simnpo.models.places import ADAPTER, CONFIG
from simnpo.storage.files import read_json, write_json
from simnpo.storage.system_errors import writing
from simnpo.storage.whole_folders import partial_folder, whole_folder
from simnpo.system.distributed import is_sharded
from simnpo.system.terminal import write

TYPES = (torch.float32, torch.bfloat16, torch.float16)


def save_model(
    model: Any,
    tokenizer: Tokenizer,
    folder: Path,
    weights: dict[str, Tensor] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Save a model with its tokenizer as `folder`, which appears whole or not at all.

    Args:
        model: a transformers model, with adapters or without.
        tokenizer: its tokenizer.
        folder: where to.
        weights: the model's state where it is sharded over processes; None takes its own.
        dtype: the type to round weights to; None leaves theirs. Adapters keep theirs.
    """
    rounded = None
    if dtype in TYPES and dtype != model.dtype and not hasattr(model, "peft_config"):
        rounded = _rounded(weights or model.state_dict(), dtype, _kept_in_float32(model))
    weights = rounded or weights
    with writing(folder), whole_folder(folder, (CONFIG, ADAPTER)) as made:
        model.save_pretrained(made, **({} if weights is None else {"state_dict": weights}))
        if rounded is not None:
            _record_dtype(made / CONFIG, str(dtype).removeprefix("torch."))
        tokenizer.save_pretrained(made)


def try_saving(model: CausalLM, tokenizer: Tokenizer, out: Path) -> None:
    """Save everything of a model but its weights into `out`, and remove it again.

    What cannot be saved is reported before a training, and not at its end.

    Raises:
        UserError: the configuration, the settings for generation or the tokenizer cannot be saved,
            or tensors share memory in a way that safetensors does not know.
    """
    from transformers.modeling_utils import remove_tied_weights_from_state_dict

    base = model.get_base_model() if hasattr(model, "peft_config") else model
    try:
        with writing(out), partial_folder(out / "trial") as trial:
            base.save_pretrained(trial, state_dict={})
            if base is not model:
                model.save_pretrained(trial / "adapter")
            elif not is_sharded(model):
                remove_tied_weights_from_state_dict(dict(model.state_dict()), model)
            tokenizer.save_pretrained(trial)
    except OSError:
        raise  # a full disk, a folder that may not be written
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()][:3]
        summary = "\n".join(line[:MOST_CHARACTERS] for line in lines)
        raise UserError(
            f"the model could not be saved after its training, so none is begun: "
            f"{type(error).__name__}: {summary}"
        ) from None


def _rounded(
    state: dict[str, Tensor], dtype: torch.dtype, kept: tuple[str, ...]
) -> dict[str, Tensor] | None:
    """Return a model's state in another type, tensors that are one still one.

    Where a weight would become infinite, None: nothing is rounded, and a note says so.
    """
    made: dict[tuple[int, torch.Size], Tensor] = {}
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if not tensor.is_floating_point() or any(part in name.split(".") for part in kept):
            found[name] = tensor
            continue
        key = (tensor.data_ptr(), tensor.shape)
        if key not in made:
            made[key] = tensor.detach().to("cpu", dtype)
            if bool(made[key].isinf().any()) and not bool(tensor.isinf().any()):
                write(
                    f"Note: {name} has values beyond {dtype}, so the model is saved in "
                    f"{tensor.dtype}.",
                    to_stderr=True,
                )
                return None
        found[name] = made[key]
    return found


def _kept_in_float32(model: CausalLM) -> tuple[str, ...]:
    """Return the parts of names of what a class keeps in float32, whatever the others are in."""
    names = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")
    return tuple(part for name in names for part in getattr(model, name, None) or ())


def _record_dtype(path: Path, dtype: str) -> None:
    """Write a type into a configuration, and into those of its parts that name one."""
    config = read_json(path)
    for one in (config, *(value for value in config.values() if isinstance(value, dict))):
        if "dtype" in one:
            one["dtype"] = dtype
    write_json(path, config | {"dtype": dtype})
