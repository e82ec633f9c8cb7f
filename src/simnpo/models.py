"""Loading and saving models and tokenizers: local folders, runs of ours, hub ids, adapters."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import torch

from simnpo.config import Precision, resolve_precision
from simnpo.errors import UserError
from simnpo.precision import mark_four_bits, run_mixed
from simnpo.runs import RUN
from simnpo.tokenizer_checks import check_tokenizer, restore_bos

MODEL_FOLDER = "model"
"""Where a run keeps its trained model."""
ADAPTER = "adapter_config.json"


def quiet() -> None:
    """Keep transformers' own progress bars and notices off the terminal."""
    from transformers.utils import logging

    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.disable_progress_bar()
    logging.set_verbosity_error()


def device() -> torch.device:
    """Return the device that models run on: a GPU where there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def training_precision(precision: Precision, lora: bool) -> Precision:
    """Return what `auto` means in training on this machine, see `resolve_precision`."""
    return resolve_precision(precision, lora, torch.cuda.is_available())


def weights_dtype(precision: Precision) -> torch.dtype:
    """Return the type a model's weights are loaded in."""
    if precision == "auto":
        return torch.bfloat16 if torch.cuda.is_available() else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def resolve(model: str) -> str:
    """Return what transformers can load: a run's folder means the model it trained.

    Raises:
        UserError: a folder that holds no model, or a run that has not finished.
    """
    if not model:
        raise UserError("--model is empty; give the folder of a model, or a hub id.")
    folder = Path(model)
    if not folder.is_dir():
        if folder.is_file():
            raise UserError(f"{model} is a file; give the folder of a model, or a hub id.")
        return model
    if (folder / RUN).is_file():
        if not (folder / MODEL_FOLDER).is_dir():
            raise UserError(f"{model} holds a run without its model: continue it with --resume.")
        folder = folder / MODEL_FOLDER
    if not any((folder / name).is_file() for name in ("config.json", ADAPTER)):
        raise UserError(
            f"{model} is no model: it has neither config.json nor {ADAPTER}. Give a folder that "
            "transformers saved, a run of simnpo, or a hub id."
        )
    return str(folder.resolve())  # an adapter remembers its base by this path


def hub_id_mistake(name: str) -> str:
    """Return what keeps `name` from being a repository's on the hub; nothing if it may be one."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        HFValidationError,
        validate_repo_id,
    )

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        return str(error).splitlines()[0]
    return ""


def load_tokenizer(model: str, trust_remote_code: bool = False) -> Any:
    """Load the tokenizer of `model` (see `resolve`).

    Raises:
        UserError: there is none, or it cannot be read.
    """
    from transformers import AutoTokenizer

    name = resolve(model)
    try:
        loaded = AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise UserError(cannot_load("the tokenizer of", model, error)) from None
    restore_bos(loaded)
    check_tokenizer(loaded)
    return loaded


def load_model(
    model: str,
    precision: Precision = "auto",
    trust_remote_code: bool = False,
    load_in_4bit: bool = False,
    merge: bool = True,
) -> torch.nn.Module:
    """Load a causal LM onto the device, in evaluation mode, from safetensors only.

    An adapter is loaded on its base model.

    Args:
        model: a folder, a run, or a hub id.
        precision: what it computes in.
        trust_remote_code: whether its own code may run.
        load_in_4bit: whether its linear layers, or those of an adapter's base, are held in 4 bits.
        merge: whether an adapter is merged into its base.

    Raises:
        UserError: there is no such model, it has no safetensors, or its code is remote; or an
            adapter is to be merged into a base of 4 bits.
    """
    from transformers import AutoModelForCausalLM

    name = resolve(model)
    adapter = (Path(name) / ADAPTER).is_file()
    options: dict[str, Any] = {
        "dtype": weights_dtype(precision),
        "trust_remote_code": trust_remote_code,
        "use_safetensors": True,
    }
    if load_in_4bit:
        if adapter and merge:
            raise UserError(
                f"--load-in-4bit: {model} is an adapter, and merged into a base of 4 bits it would "
                "be rounded: leave out --load-in-4bit."
            )
        # transformers then puts the weights on this process's GPU, by the number accelerate expects
        options["quantization_config"] = _four_bits(precision)
    try:
        if adapter:
            from peft import AutoPeftModelForCausalLM

            loaded: Any = AutoPeftModelForCausalLM.from_pretrained(name, **options)
            loaded = loaded.merge_and_unload() if merge else loaded
        else:
            loaded = AutoModelForCausalLM.from_pretrained(name, **options)
    except Exception as error:
        raise UserError(cannot_load("the model", model, error)) from None
    base = loaded.get_base_model() if adapter and not merge else loaded  # which is what is run
    check_generation_config(base)
    loaded = loaded.to(device()).eval()
    if precision == "mixed":
        run_mixed(base)
    if load_in_4bit:
        mark_four_bits(base)
    return loaded  # type: ignore[no-any-return]


def check_generation_config(model: Any) -> None:
    """Mend a model's generation settings where transformers would refuse to save them.

    Some published models have sampling settings without sampling. Saying that they are meant for
    sampling keeps them.
    """
    generation = getattr(model, "generation_config", None)
    if generation is not None:
        try:
            generation.validate(strict=True)
        except ValueError:
            generation.do_sample = True


def _four_bits(precision: Precision) -> Any:
    """Return QLoRA's way to hold linear layers: NF4, with its scales quantised too (2305.14314)."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=weights_dtype(precision),
    )


def longest_sequence(model: Any) -> int:
    """Return how many positions a model was made for; 0 where its configuration does not say."""
    config = getattr(model, "config", None)
    text = config.get_text_config() if config is not None else None
    return int(getattr(text, "max_position_embeddings", None) or 0)


def is_adapter(model: str) -> bool:
    """Tell whether `model` is a folder with a LoRA adapter and not whole weights."""
    return (Path(resolve(model)) / ADAPTER).is_file()


def save_model(
    model: Any, tokenizer: Any, folder: Path, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Save a model with its tokenizer as `folder`, which appears whole or not at all.

    Args:
        model: a transformers model, with adapters or without.
        tokenizer: its tokenizer.
        folder: where to.
        weights: the model's state where it is parted over processes; None takes its own.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial, **({} if weights is None else {"state_dict": weights}))
    tokenizer.save_pretrained(partial)
    if folder.exists():  # left by a run that was killed before it could record its end
        shutil.rmtree(folder)
    partial.replace(folder)


def cannot_load(what: str, model: str, error: Exception) -> str:
    """Say that `what` (with its preposition) of `model` cannot be loaded, and what may help."""
    first_lines = "\n".join(str(error).strip().splitlines()[:3])
    hint = ""
    if "trust_remote_code" in str(error):
        hint = "\nIts code is not part of transformers: add --trust-remote-code if you trust it."
    elif not Path(model).exists():
        hint = "\nIt is no folder here, so it was looked up on the hub."
    return f"cannot load {what} {model}: {type(error).__name__}: {first_lines}{hint}"
