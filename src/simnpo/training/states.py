"""`States`: trained weights of a run on disk, and the weights between two of them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM
from simnpo.storage.files import write_tensors
from simnpo.storage.ownership import remove_own
from simnpo.system import distributed
from simnpo.training.target import Scale

STATES = ".best"
"""A folder with trained weights: of the start, and of the best state so far (adapters alone with
LoRA)."""
START = "start"
_ATTENTION = re.compile(r"(attn|attention)(?!_layer_?norm|_norm)")
"""In the names of an attention's weights, and not of the norm before or after it."""
_TRAINED = "trained"
"""A state for as long as others are tried in its place."""


class States:
    """Weights of a model in training, by name; one tensor at a time is in memory.

    All processes call its functions; the main one writes.
    """

    def __init__(self, folder: Path):
        """Bind to the folder `STATES` of a run."""
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return where a state lies."""
        return self.folder / f"{name}.safetensors"

    def save(self, model: CausalLM, name: str) -> None:
        """Write the trained weights as they are."""
        if distributed.is_main():
            tensors = {key: weight.detach().contiguous() for key, weight in _trained(model).items()}
            write_tensors(self.path(name), tensors)
        distributed.barrier()

    def load(self, model: CausalLM, name: str) -> None:
        """Put a state into a model, bit by bit.

        Raises:
            UserError: it cannot be read.
        """
        for key, weight in _trained(model).items():
            self._copy(weight, self._read(name, key))

    def interpolate(self, model: CausalLM, name: str, scale: Scale) -> None:
        """Put into a model the start and a share of the way from there to a state.

        The interpolation of Wortsman et al., "Robust fine-tuning of zero-shot models" (arXiv
        2109.01903), eq. 1, which keeps more of what training was not about; with a share of its
        own for the attention, see `SCALES`.

        Raises:
            UserError: a state cannot be read.
        """
        for key, weight in _trained(model).items():
            share = scale.attention if _ATTENTION.search(key) else scale.rest
            start, end = self._read(START, key).float(), self._read(name, key).float()
            self._copy(weight, torch.lerp(start, end, share))  # at 1 it is the end, bit by bit

    @contextmanager
    def set_aside(self, model: CausalLM) -> Iterator[str]:
        """Keep the weights as they are under the name that is yielded, for as long as this lasts.

        What they are afterwards is up to the caller.
        """
        self.save(model, _TRAINED)
        yield _TRAINED
        distributed.barrier()
        self._remove(_TRAINED)

    def keep_only(self, *names: str) -> None:
        """Remove all other states."""
        if distributed.is_main():
            for path in self.folder.glob("*.safetensors"):
                if path.stem not in names:
                    self._remove(path.stem)
        distributed.barrier()

    def _remove(self, name: str) -> None:
        if distributed.is_main():
            remove_own(self.folder, [self.path(name).name])

    def _read(self, name: str, key: str) -> Tensor:
        path = self.path(name)
        try:
            with safe_open(path, framework="pt") as file:
                found: Tensor = file.get_tensor(key)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path}, a state of the run, cannot be read: {error}") from None
        return found

    @staticmethod
    @torch.no_grad()
    def _copy(weight: Tensor, value: Tensor) -> None:
        weight.copy_(value)


def remove_states(out: Path) -> None:
    """Remove the states from a run's folder, once the trained model is there."""
    remove_own(out, [STATES])


def _trained(model: CausalLM) -> dict[str, Tensor]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
