"""Task Vector: take away what over-fitting on the forget set changed (arXiv 2212.04089, MUSE)."""

import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from simnpo.edits.weights import Weights, write_weights
from simnpo.errors import UserError
from simnpo.progress import progress

CHUNK = 2**24
"""Weights that are computed with at once: 64 MiB in float32."""


def task_vector(
    original: Float[Tensor, "*shape"], reinforced: Float[Tensor, "*shape"], alpha: float
) -> Float[Tensor, "*shape"]:
    """Return `original - alpha (reinforced - original)` in the original's type.

    Computed in float32, a chunk of weights at a time. Over-fitting began at the original in the
    reinforced model's type; what rounding to that type changed is no part of the vector.
    """
    result = torch.empty_like(original, memory_format=torch.contiguous_format)
    chunks = (torch.split(one.reshape(-1), CHUNK) for one in (original, reinforced, result))
    for start, end, edited in zip(*chunks, strict=True):
        vector = end.float() - start.to(end.dtype).float()
        edited.copy_(torch.sub(start.float(), vector, alpha=alpha))
    return result


@dataclass(frozen=True)
class TaskVector:
    """Subtract the task vector of the forget set from the weights."""

    title: ClassVar[str] = "Task Vector"
    needs_reinforced: ClassVar[bool] = True
    compares: ClassVar[bool] = False
    needs_reference_logps: ClassVar[bool] = False

    alpha: float = 5.0
    """Length of the step, in task vectors; 5 is MUSE's own on News and Books."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.alpha):
            raise UserError(f"{self.title}: alpha must be finite, got {self.alpha}.")

    def record(self) -> dict[str, Any]:
        """Return the settings as plain values, for `run.json`."""
        return {"method": self.title, **asdict(self)}


class EditedModel:
    """A model and its reinforced version on disk, and the task vector's way from the two.

    At any time two tensors are held, beside the shard that is being written.
    """

    def __init__(self, original: str, reinforced: str, alpha: float):
        """Find the tensors of both models and match them.

        Raises:
            UserError: see `Weights`; or the two are not of one architecture.
        """
        self._original, self._reinforced = Weights(original), Weights(reinforced)
        self._alpha = alpha
        self._partners = _match(self._original, self._reinforced)

    def __len__(self) -> int:
        return len(self._partners)

    def save_pretrained(self, folder: Path) -> None:
        """Compute and write the weights, beside the original's configuration.

        Raises:
            UserError: a weight became NaN or infinite, or what is no weight differs.
        """
        folder.mkdir(parents=True)
        write_weights(folder, self._tensors())
        for pattern in ("config.json", "generation_config.json", "*.py"):
            for path in self._original.folder.glob(pattern):
                shutil.copy(path, folder)

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        with progress(TaskVector.title, len(self)) as advance:
            for name, partner in self._partners.items():
                yield name, self._edit(name, self._original[name], self._reinforced[partner])
                advance(1)

    def _edit(self, name: str, original: Tensor, reinforced: Tensor) -> Tensor:
        if not (original.is_floating_point() and reinforced.is_floating_point()):
            if not torch.equal(original, reinforced):
                raise UserError(
                    f"{name} is {original.dtype} in {self._original.model} and {reinforced.dtype} "
                    f"in {self._reinforced.model}: quantised weights cannot be edited."
                )
            return original
        edited = task_vector(original, reinforced, self._alpha)
        if not edited.isfinite().all():
            raise UserError(f"alpha {self._alpha} makes {name} NaN or infinite; try a smaller one.")
        return edited


def _match(original: Weights, reinforced: Weights) -> dict[str, str]:
    """Return the reinforced model's tensor for each of the original's.

    A tensor that is tied to another may be stored or not; its partner then is that other one.
    """
    own, other = original.shapes, reinforced.shapes
    tied = original.tied() if own.keys() != other.keys() else {}
    partners = {name: name if name in other else tied.get(name, name) for name in own}
    for name in [*own, *(set(other) - set(own) - set(tied))]:
        found = other.get(partners.get(name, name))
        if own.get(name) != found:
            raise UserError(
                f"tensor {name} {_shape(own.get(name))} in {original.model} and {_shape(found)} in "
                f"{reinforced.model}: they are not of one architecture, or were saved by different "
                "versions of transformers."
            )
    return partners


def _shape(shape: tuple[int, ...] | None) -> str:
    return "is missing" if shape is None else f"has shape {list(shape)}"
