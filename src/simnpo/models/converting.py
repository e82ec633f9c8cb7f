"""Safetensors from what is not loaded as it stands: pickles, and GGUF files on request."""

import pickle
import shutil
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simnpo.errors import UserError
from simnpo.models.files import ADAPTER_PICKLE, PICKLES, shards
from simnpo.models.gguf import convert_gguf
from simnpo.models.load_errors import cannot_load
from simnpo.models.places import ADAPTER, ADAPTER_WEIGHTS, GGUF, INDEX, WEIGHTS, file_of, pinned
from simnpo.models.publishing import KINDS
from simnpo.models.tensor_store import write_weights
from simnpo.models.tensors import unwrapped
from simnpo.storage.system_errors import writing
from simnpo.storage.whole_folders import partial_folder, publish

INNER = ("state_dict", "model", "module")
"""Names under which programs put a model's state into a larger one."""


def convert(model: str, out: Path) -> None:
    """Write a model's tensors as safetensors into `out`, with its other files.

    A pickle is read by torch's `weights_only`, which builds tensors and runs no code. `out` appears
    whole or not at all.

    Args:
        model: a folder or hub id with pytorch_model.bin or adapter_model.bin, or a GGUF file.
        out: a folder that is not there yet, or empty.

    Raises:
        UserError: there is nothing to convert, `out` is not empty, or a file cannot be read.
    """
    _check_new(out)
    with writing(out), partial_folder(out) as made:
        if model.lower().endswith(GGUF) and Path(model).is_file():
            convert_gguf(Path(model), made)
        else:
            _convert_pickles(model, made)
        _check_new(out)  # once more: this took a while
        publish(made, out)


def _check_new(out: Path) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"``out`` {out} is there already; give a new folder.")


def _convert_pickles(model: str, out: Path) -> None:
    adapter = file_of(model, ADAPTER) is not None
    weights = (ADAPTER_WEIGHTS,) if adapter else (WEIGHTS, INDEX)
    if any(file_of(model, name) for name in weights):
        raise UserError(f"{model} has safetensors already: there is nothing to convert.")
    found = next((name for name in _sources(adapter) if file_of(model, name)), None)
    if found is None:
        raise UserError(f"{model} has nothing to convert: none of {', '.join(_sources(adapter))}.")
    first = file_of(model, found)
    assert first is not None
    names = shards(first) if found.endswith(".json") else [found]
    paths = [file_of(model, name) for name in names]
    if None in paths:
        raise UserError(f"{model} lacks {names[paths.index(None)]}, which {found} names.")
    write_weights(out, _tensors(model, [path for path in paths if path]))
    if adapter:
        (out / WEIGHTS).rename(out / ADAPTER_WEIGHTS)
    for path in _others(model):
        shutil.copy(path, out)


def _sources(adapter: bool) -> tuple[str, ...]:
    return (ADAPTER_PICKLE,) if adapter else PICKLES


def _others(model: str) -> list[Path]:
    """Return the files of `model` that are not weights, fetched from the hub if it is there."""
    place, revision = pinned(model)
    kinds = [kind for kind in KINDS if "safetensors" not in kind and kind != "README.md"]
    if not Path(place).is_dir():
        from huggingface_hub import snapshot_download

        try:
            place = snapshot_download(place, revision=revision, allow_patterns=kinds)
        except Exception as error:
            raise UserError(cannot_load("the files of", model, error)) from None
    return [
        path
        for path in sorted(Path(place).iterdir())
        if path.is_file() and any(fnmatch(path.name, kind) for kind in kinds)
    ]


def _tensors(model: str, paths: list[Path]) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of pickles, each with memory of its own, by names without wrappers."""
    for path in paths:
        seen: set[int] = set()
        for name, tensor in _state(model, path).items():
            own = tensor.contiguous()
            if own.untyped_storage().data_ptr() in seen:
                own = own.clone()  # safetensors know no tensors that are one
            seen.add(own.untyped_storage().data_ptr())
            yield unwrapped(str(name)), own


def _state(model: str, path: Path) -> Mapping[str, Tensor]:
    try:
        try:
            state: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # of before torch 1.6, which cannot be mapped
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path} holds more than tensors, and what it would run as it is read is not known: "
            f"{model} is not converted."
        ) from None
    except Exception as error:
        raise UserError(cannot_load(f"{path.name} of", model, error)) from None
    for name in INNER:
        inner = state.get(name) if isinstance(state, Mapping) else None
        if isinstance(inner, Mapping):
            state = inner
    if not isinstance(state, Mapping) or not all(isinstance(one, Tensor) for one in state.values()):
        raise UserError(f"{path} is not a model's state: it holds other things than named tensors.")
    return state
