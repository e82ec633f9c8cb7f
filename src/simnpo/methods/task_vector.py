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

from simnpo.errors import UserError
from simnpo.models.tensor_store import Weights, write_weights
from simnpo.models.tensors import is_constant, unwrapped
from simnpo.system.progress import progress

CHUNK = 2**24
"""Weights that are computed with at once: 64 MiB in float32."""


def task_vector(
    original: Float[Tensor, "*shape"], reinforced: Float[Tensor, "*shape"], alpha: float
) -> Float[Tensor, "*shape"]:
    """Return `original - alpha (reinforced - original)` in the original's type.

    Computed in float32, a chunk of weights at a time. Over-fitting began at the original in the
    reinforced model's type; what rounding to that type changed is not part of the vector.
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
    paper: ClassVar[str] = "arXiv 2212.04089"
    needs_reinforced: ClassVar[bool] = True
    needs_original_model: ClassVar[bool] = False
    needs_reference_logps: ClassVar[bool] = False

    alpha: float = 5.0
    """Length of the step, in task vectors; 5 is MUSE's own on News and Books."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.alpha):
            raise UserError(f"{self.title}: alpha must be finite, got {self.alpha}.")

    def record(self) -> dict[str, object]:
        """Return the settings as plain values, for `run.json`."""
        return {"method": self.title, **asdict(self)}


class EditedModel:
    """A model and its reinforced version on disk, and the task vector's way from the two.

    At any time two tensors are held, plus the shard that is being written.
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
        """Compute and write the weights, next to the original's configuration.

        Raises:
            UserError: a weight became NaN or infinite, or what is not a weight differs.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder, self._tensors())
        for pattern in ("config.json", "generation_config.json", "*.py"):
            for path in self._original.folder.glob(pattern):
                shutil.copy(path, folder)

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        with progress(TaskVector.title, len(self)) as advance:
            for name, partner in self._partners.items():
                own = self._original[name]
                edited = (
                    own if partner is None else self._edit(name, own, self._reinforced[partner])
                )
                yield unwrapped(name), edited
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


def _match(original: Weights, reinforced: Weights) -> dict[str, str | None]:
    """Return the reinforced model's tensor for each of the original's; None leaves it as it is.

    What a wrapper put into the names does not count, nor whether they begin with the name of the
    model within the class. A tensor that is tied to another may be stored or not; its partner then
    is that other one. Constants of older versions of transformers have no partner.
    """
    own, other = ({unwrapped(name): name for name in one.shapes} for one in (original, reinforced))
    tied: dict[str, str] = {}
    made: Any = None
    if own.keys() != other.keys():
        made = original.made()
        start = f"{made.base_model_prefix}."
        own, other = (
            {short.removeprefix(start): name for short, name in one.items()} for one in (own, other)
        )
        tied = {
            one.removeprefix(start): another.removeprefix(start)
            for one, another in made.all_tied_weights_keys.items()
        }
    partners: dict[str, str | None] = {}
    for short, name in own.items():
        partner = other.get(short) or other.get(tied.get(short, ""))
        if partner is None and made is not None and is_constant(name, made):
            partners[name] = None
            continue
        _check(original, name, reinforced, partner)
        partners[name] = partner
    for short, name in other.items():
        if short not in own and short not in tied and not is_constant(name, made):
            _check(original, None, reinforced, name)
    return partners


def _check(original: Weights, own: str | None, reinforced: Weights, other: str | None) -> None:
    """Make sure that two tensors are of one shape.

    Raises:
        UserError: they are not, or one of them is missing.
    """
    first, second = original.shapes.get(own or ""), reinforced.shapes.get(other or "")
    if first != second:
        raise UserError(
            f"tensor {own or other} {_shape(first)} in {original.model} and {_shape(second)} in "
            f"{reinforced.model}: they are not of one architecture, or were saved by different "
            "versions of transformers."
        )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "is missing" if shape is None else f"has shape {list(shape)}"


TASK_VECTOR = TaskVector()
