"""A model's tensors on disk: read one at a time, written shard by shard, as transformers saves."""

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM
from simnpo.models.files import shards
from simnpo.models.kinds import auto_class, read_config
from simnpo.models.load_errors import cannot_load
from simnpo.models.places import ADAPTER, INDEX, WEIGHTS, pinned
from simnpo.storage.files import write_json

SHARD = 5 * 2**30
"""Bytes of tensors in one file, at most unless one tensor alone has more."""


class Weights:
    """The tensors of a saved model, by name; none is held."""

    def __init__(self, model: str):
        """Find the files and read their headers.

        Args:
            model: a folder, a run of simnpo, or a hub id; whole weights, in safetensors.

        Raises:
            UserError: there is no such model, it is a LoRA adapter, or its files cannot be read.
        """
        self.model = model
        self.folder = _folder(model)
        if (self.folder / ADAPTER).is_file():
            raise UserError(
                f"{model} is a LoRA adapter, and weights are edited whole: train it with "
                "``lora_merge``, or merge it into its base first."
            )
        self._files: dict[str, Path] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for path in self._paths():
            try:
                with safe_open(path, "pt") as opened:
                    for name in opened.keys():  # noqa: SIM118 - it is not a mapping
                        self._files[name] = path
                        self.shapes[name] = tuple(opened.get_slice(name).get_shape())
            except (SafetensorError, OSError) as error:
                raise UserError(f"{path} cannot be read: {error}") from None

    def _paths(self) -> list[Path]:
        if (self.folder / WEIGHTS).is_file():  # which transformers prefers to an index
            return [self.folder / WEIGHTS]
        if not (self.folder / INDEX).is_file():
            raise UserError(f"{self.model} has no safetensors: neither {WEIGHTS} nor {INDEX}.")
        return [self.folder / name for name in shards(self.folder / INDEX)]

    def __getitem__(self, name: str) -> Tensor:
        with safe_open(self._files[name], "pt") as opened:
            tensor: Tensor = opened.get_tensor(name)
        return tensor

    def made(self) -> CausalLM:
        """Return the model that the configuration describes, without memory for its weights.

        Raises:
            UserError: the configuration cannot be read, or is of no causal LM.
        """
        config = read_config(self.model)
        try:
            with torch.device("meta"):
                made: CausalLM = auto_class(config).from_config(config)
                return made
        except Exception as error:
            raise UserError(cannot_load("the configuration of", self.model, error)) from None


def _folder(model: str) -> Path:
    """Return the folder of `model`, fetched from the hub if it is not a folder here."""
    place, revision = pinned(model)
    if Path(place).is_dir():
        return Path(place)
    from huggingface_hub import snapshot_download

    wanted = ["*.safetensors", "*.json", "*.py"]
    try:
        found = snapshot_download(
            place, revision=revision, allow_patterns=wanted, ignore_patterns=["*/*"]
        )
    except Exception as error:
        raise UserError(cannot_load("the weights of", model, error)) from None
    return Path(found)


def write_weights(folder: Path, tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Write tensors to `folder` in shards with an index, or in one file where that is enough.

    No more than a shard is held.
    """
    shard: dict[str, Tensor] = {}
    shards: list[list[str]] = []
    total = held = 0

    def flush() -> None:
        nonlocal shard, held
        shards.append(list(shard))
        save_file(shard, folder / f"shard-{len(shards)}", metadata={"format": "pt"})
        shard, held = {}, 0

    for name, tensor in tensors:
        if shard and held + tensor.nbytes > SHARD:
            flush()
        shard[name] = tensor
        held += tensor.nbytes
        total += tensor.nbytes
    flush()
    if len(shards) == 1:
        (folder / "shard-1").rename(folder / WEIGHTS)
        return
    places: dict[str, str] = {}
    for number, names in enumerate(shards, 1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        (folder / f"shard-{number}").rename(folder / file)
        places |= dict.fromkeys(names, file)
    write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": places})
