"""Adapters that read only what sets the forget set apart from the retain set.

LoRA's change of a linear layer is `B A x`. Trained freely, a few rows of A serve inputs of every
kind, so a change that forgets the forget set moves all other answers too. Here A is made before
training and stays fixed: its rows are the directions `a` in which the inputs of the forget set are
large compared with those of the retain set, the greatest generalised eigenvectors of

    F a = s (R + e I) a

with F and R the second moments of a layer's inputs on both sets. Then `A x` is small for other
inputs, whatever B becomes. A fixed A is LoRA-FA's (arXiv 2308.03303), directions from second
moments are CorDA's (arXiv 2406.05223), and protecting the span of kept inputs is AlphaEdit's (arXiv
2410.02355); how the three are put together here, and what it is worth, is in
docs/results/own_data.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from simnpo.data.encoding import Encoded
from simnpo.training.adapters import original

ROWS, TOKENS = 512, 2048
"""Of each set, at most: rows that go through the model, and tokens whose inputs are kept."""
RIDGE = 0.1
"""e, as a share of the forget set's mean square input: directions that are empty in the retain set
count no more than this."""
OVERSAMPLED = 8
"""Singular vectors beyond those that are wanted, as randomised decompositions need."""


def fix_subspace(model: Any) -> None:
    """Take the rows of A from training, on a model of peft with LoRA adapters."""
    for layer in _layers(model).values():
        layer.lora_A["default"].weight.requires_grad_(False)


@torch.no_grad()
def set_subspace(
    model: Any, forget: Sequence[Encoded], retain: Sequence[Encoded], answers: bool = True
) -> None:
    """Write the directions of the forget set into A of each adapted linear layer.

    Rows have the length that peft's own have on average, measured on the forget set, so that
    learning rates mean the same. Layers that read the same input get the same A.

    Args:
        model: with adapters of peft, B zero, on the device it trains on.
        forget: rows that the forget loss trains on.
        retain: rows to keep, all tokens.
        answers: whether what is to change shows in the tokens that predict the answers of `forget`.
            Where other answers are taught, such as refusals, which are alike for all questions, it
            is the questions that set its rows apart, and all tokens count.
    """
    layers = _layers(model)
    places = [range(one.start - 1 if answers else 0, len(one.ids) - 1) for one in forget]
    mine = _inputs(model, layers, forget, places)
    kept = _inputs(model, layers, retain, [range(len(one.ids)) for one in retain])
    found: dict[str, Tensor] = {}
    for name, source in mine.same.items():
        weight = layers[name].lora_A["default"].weight
        if source not in kept.same:
            continue
        if source not in found:
            where = weight.device if weight.is_cuda else "cpu"  # Apple's GPUs have no float64
            own, other = (one.read(source).to(where) for one in (mine, kept))
            found[source] = directions(own, other, min(weight.shape))
        weight[: len(found[source])] = found[source].to(weight)


def directions(forget: Tensor, retain: Tensor, count: int, ridge: float = RIDGE) -> Tensor:
    """Return the directions in which `forget` stands out against `retain`, the greatest first.

    Args:
        forget: inputs, tokens x width.
        retain: inputs, tokens x width.
        count: how many directions, at most the width.
        ridge: see `RIDGE`.

    Returns:
        count x width, float64. On the inputs of `forget` the mean square of each is a third of the
        inputs' mean square, as with peft's own random rows.
    """
    forget, retain = forget.double(), retain.double()
    square = forget.square().mean()
    least = ridge * square.clamp_min(torch.finfo(torch.float32).tiny)
    moments = retain.T @ retain / len(retain)
    moments.diagonal().add_(least)
    factor = torch.linalg.cholesky(moments)
    whitened = torch.linalg.solve_triangular(factor, forget.T, upper=False)
    rows = torch.linalg.solve_triangular(factor.T, _leading(whitened, count), upper=True).T
    sizes = (forget @ rows.T).square().mean(0)
    found: Tensor = rows * (square / 3 / sizes.clamp_min(least)).sqrt()[:, None]
    return found


def _leading(matrix: Tensor, count: int) -> Tensor:
    """Return the first left singular vectors as columns, and any that complete them."""
    if 2 * count > min(matrix.shape):
        left: Tensor = torch.linalg.svd(matrix, full_matrices=count > matrix.shape[1]).U
        return left[:, :count]
    with torch.random.fork_rng(devices=[matrix.device] if matrix.is_cuda else []):
        torch.manual_seed(0)
        return torch.svd_lowrank(matrix, count + OVERSAMPLED, niter=4)[0][:, :count]


class _Inputs:
    """Inputs of linear layers at some tokens of a set, on the CPU."""

    def __init__(self) -> None:
        self.same: dict[str, str] = {}
        """For each layer the first that reads the same tensor."""
        self._kept: dict[str, list[Tensor]] = {}

    def keep(self, name: str, source: str, inputs: Tensor) -> None:
        """Keep what `name` reads, tokens x width, unless `source` keeps the same."""
        self.same[name] = source
        if name == source:
            self._kept.setdefault(name, []).append(inputs.detach().to("cpu"))

    def read(self, name: str) -> Tensor:
        """Return what a layer read, tokens x width."""
        return torch.cat(self._kept[name])


def _inputs(
    model: Any, layers: dict[str, Any], rows: Sequence[Encoded], places: Sequence[range]
) -> _Inputs:
    """Return what `layers` read at `places` of `rows`; of many, some that are spread over them."""
    chosen = list(range(0, len(rows), -(-len(rows) // ROWS)))
    stride = -(-sum(len(places[one]) for one in chosen) // TOKENS)
    found, offset = _Inputs(), 0
    device = next(model.parameters()).device
    with original(model):
        for number in chosen:
            taken = places[number][offset::stride]
            offset = (offset - len(places[number])) % stride
            if taken:
                with _watched(layers, len(rows[number].ids), list(taken), found):
                    model(input_ids=torch.tensor([rows[number].ids], device=device))
    return found


@contextmanager
def _watched(
    layers: dict[str, Any], length: int, places: list[int], found: _Inputs
) -> Iterator[None]:
    seen: dict[int, tuple[str, Tensor]] = {}  # with the tensor, so that no other gets its id

    def look(name: str, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        inputs = given[0].flatten(0, -2)
        if len(inputs) == length:  # else it is an expert, which reads some of the tokens
            source = seen.setdefault(id(given[0]), (name, given[0]))[0]
            found.keep(name, source, inputs[places])

    hooks = [layer.register_forward_pre_hook(partial(look, name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _layers(model: Any) -> dict[str, Any]:
    """Return the linear layers with LoRA adapters, by name; stacked experts are left out."""
    from peft.tuners.lora import LoraLayer
    from peft.tuners.lora.layer import ParamWrapper

    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer) and not isinstance(module, ParamWrapper)
    }
