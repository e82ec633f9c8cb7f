"""GGUF files: converted once into a folder of the cache, each weight accounted for."""

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simnpo.errors import UserError
from simnpo.models.causal_lm import PreTrainedConfig
from simnpo.models.load_errors import cannot_load
from simnpo.models.tensors import check_tensors
from simnpo.storage.cache import cache_folder, made_by_one
from simnpo.storage.files import write_json
from simnpo.storage.whole_folders import whole_folder
from simnpo.system.terminal import write

SOURCE = "source.json"
"""Written last: a folder without it is not complete."""
ROPE_FACTORS = "rope_freqs.weight"
"""By what the frequencies of positions are divided, which Llama 3.1 and its successors have."""
LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""How Llama 3.1 and its successors scale positions, but for the factor."""


def converted_folder(gguf: Path) -> Path:
    """Return the folder in the cache that a GGUF file was converted into; made the first time.

    Raises:
        UserError: see `convert_gguf`.
    """
    state = gguf.stat()
    return _converted(gguf.resolve(), state.st_size, state.st_mtime_ns)


@cache
def _converted(gguf: Path, size: int, changed: int) -> Path:
    with gguf.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = cache_folder() / "gguf" / f"{gguf.stem}-{digest[:16]}"
    with made_by_one(folder):
        if not (folder / SOURCE).is_file():
            write(f"Note: {gguf} is converted, once, into {folder}.", to_stderr=True)
            with whole_folder(folder, (SOURCE,)) as made:
                convert_gguf(gguf, made)
                write_json(made / SOURCE, {"file": gguf.name, "size": size, "sha256": digest})
    return folder


def convert_gguf(gguf: Path, out: Path) -> None:
    """Save the model in a GGUF file as transformers does, with its tokenizer, in `out`.

    Quantised weights become float32, which has their values exactly; others keep their type.

    Raises:
        UserError: gguf is not installed, or the file cannot be read, or not all of it.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if find_spec("gguf") is None:
        raise UserError(f"{gguf} needs the package gguf: pip install 'simnpo[gguf]'")
    where: dict[str, object] = {"pretrained_model_name_or_path": str(gguf.parent)}
    where["gguf_file"] = gguf.name
    try:
        with _read_once():
            positions, weights, dtype = _inside(gguf)
            read, info = AutoModelForCausalLM.from_pretrained(
                **where, dtype=dtype, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(**where)
    except UserError:
        raise
    except Exception as error:
        raise UserError(cannot_load("the model in", str(gguf), error)) from None
    check_tensors(info, read, str(gguf))
    found = sum(one.numel() for one in read.parameters())
    if found != weights:
        raise UserError(
            f"cannot load the model in {gguf}: it holds {weights} weights, and transformers reads "
            f"{found} of a {type(read).__name__}."
        )
    config = deepcopy(read.config)
    if positions is not None:
        _scale_positions(config, positions, gguf)
    # transformers marks what it read as quantised and would not save it: the weights go into a
    # model that is not.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.generation_config = read.generation_config
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


@contextmanager
def _read_once() -> Iterator[None]:
    """Let transformers read a GGUF's header once, and show no bar of its own that cannot be off.

    It reads the header three times; a vocabulary of 262,000 tokens takes 20 seconds each time.
    """
    import gguf as library
    from transformers import modeling_gguf_pytorch_utils as reading
    from transformers.utils import logging

    module: Any = library
    reader, bar = module.GGUFReader, reading.tqdm
    module.GGUFReader, reading.tqdm = cache(reader), logging.tqdm
    try:
        yield
    finally:
        module.GGUFReader, reading.tqdm = reader, bar


def _inside(gguf: Path) -> tuple[Tensor | None, int, torch.dtype]:
    """Return a file's factors of positions, how many weights it holds, and the type they get."""
    from gguf import GGMLQuantizationType, GGUFReader

    positions, weights = None, 0
    kinds = set()
    # The path as transformers puts it together, so that `_read_once` knows it again.
    for tensor in GGUFReader(os.path.join(gguf.parent, gguf.name)).tensors:
        if tensor.name == ROPE_FACTORS:
            positions = torch.tensor(tensor.data, dtype=torch.float32)
        elif tensor.name.startswith("rope_"):
            raise UserError(
                f"cannot load the model in {gguf}: {tensor.name} scales its positions in a way "
                "that transformers does not read from a GGUF."
            )
        else:
            weights += int(tensor.n_elements)
            if len(tensor.shape) > 1:  # norms are float32 in every file
                kinds.add(tensor.tensor_type)
    half = {GGMLQuantizationType.F16: torch.float16, GGMLQuantizationType.BF16: torch.bfloat16}
    types = {half.get(kind, torch.float32) for kind in kinds}
    return positions, weights, types.pop() if len(types) == 1 else torch.float32


def _scale_positions(config: PreTrainedConfig, factors: Tensor, gguf: Path) -> None:
    """Write into a configuration that positions are scaled as Llama 3.1 does.

    Raises:
        UserError: the file's factors are not those that come of it.
    """
    settings = {**config.rope_parameters, **LLAMA3, "rope_type": "llama3"}
    settings["factor"] = round(float(factors.max()), 4)
    size = 2 * len(factors)
    base = config.rope_parameters["rope_theta"]
    waves = 2 * math.pi * base ** (torch.arange(0, size, 2, dtype=torch.float64) / size)
    low, high = LLAMA3["low_freq_factor"], LLAMA3["high_freq_factor"]
    share = (LLAMA3["original_max_position_embeddings"] / waves - low) / (high - low)
    share = share.clamp(0, 1)  # 0 where a wave is longer than the context, 1 where it is short
    due = 1 / ((1 - share) / settings["factor"] + share)
    if not torch.allclose(due.float(), factors, rtol=1e-3):
        raise UserError(
            f"cannot load the model in {gguf}: {ROPE_FACTORS} scales its positions in a way that "
            "transformers does not know."
        )
    config.rope_parameters = settings
