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

import torch
from torch import Tensor, nn

from simnpo.config import SUBSPACE_TOKENS
from simnpo.data.encoding import Encoded
from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM, LoraLayer
from simnpo.models.tensors import listed
from simnpo.system.notes import note_once
from simnpo.system.progress import progress
from simnpo.training.adapters import original

ROWS = 512
"""Of each set, at most, that go through the model."""
RIDGE = 0.1
"""e, as a share of the forget set's mean square input: directions that are empty in the retain set
count no more than this."""
OVERSAMPLED, ITERATIONS = 8, 4
"""Of the randomised decomposition: vectors beyond those that are wanted, and power iterations."""
EMPTY = 1e-6
"""The least s, as a share of 1, of a direction that is used: below it is rounding."""


def fix_subspace(model: CausalLM) -> None:
    """Take the rows of A from training, on a model of peft with LoRA adapters."""
    for layer in _layers(model).values():
        layer.lora_A["default"].weight.requires_grad_(False)


@torch.no_grad()
def set_subspace(
    model: CausalLM, forget: Sequence[Encoded], retain: Sequence[Encoded], answers: bool = True
) -> None:
    """Write the directions of the forget set into A of each adapted linear layer.

    Rows have the length that peft's own have on average, measured on the forget set, so that
    learning rates mean the same. Layers that read the same input get the same A. A note says how
    many rows have nothing to read, and which layers keep random directions, since their inputs
    are not one for each token.

    Args:
        model: with adapters of peft, B zero, on the device it trains on.
        forget: rows that the forget loss trains on.
        retain: rows to keep, all tokens.
        answers: whether what is to change shows in the tokens that predict the answers of `forget`.
            Where other answers are taught, such as refusals, which are alike for all questions, it
            is the questions that set its rows apart, and all tokens count.

    Raises:
        UserError: the model's activations are not finite.
    """
    layers = _layers(model)
    places = [range(one.start - 1 if answers else 0, len(one.ids) - 1) for one in forget]
    mine = _inputs(model, layers, forget, places, "Reading the forget set")
    kept = _inputs(
        model, layers, retain, [range(len(one.ids)) for one in retain], "Reading the retain set"
    )
    found: dict[str, Tensor] = {}
    for name, source in mine.same.items():
        weight = layers[name].lora_A["default"].weight
        if source not in kept.same:
            continue
        if source not in found:
            where = weight.device if weight.is_cuda else "cpu"  # Apple's GPUs have no float64
            own, other = (one.read(source).to(where) for one in (mine, kept))
            found[source] = directions(own, other, len(weight))
        weight.copy_(found[source])
    if idle := max((int((~one.any(1)).sum()) for one in found.values()), default=0):
        note_once(
            f"Note: {idle} of {max(map(len, found.values()))} rows of the adapters' A are 0, since "
            "the forget set has no more directions: a lower --lora-rank does the same."
        )
    if missed := [name for name in layers if mine.same.get(name) not in found]:
        note_once(f"Note: adapters with random, fixed directions: {listed(missed)}.")


def directions(forget: Tensor, retain: Tensor, count: int) -> Tensor:
    """Return the directions in which `forget` stands out against `retain`, the greatest first.

    Args:
        forget: inputs, tokens x width.
        retain: inputs, tokens x width.
        count: how many directions.

    Returns:
        count x width, float64. On the inputs of `forget` the mean square of each is a third of the
        inputs' mean square, as with peft's own random rows; less where `retain` is larger in it,
        and all 0 where `forget` has no further direction.

    Raises:
        UserError: inputs are not finite.
    """
    forget, retain = forget.double(), retain.double()
    square = forget.square().mean()
    least = RIDGE * square.clamp_min(torch.finfo(torch.float32).tiny)
    moments = retain.T @ retain / len(retain)
    moments.diagonal().add_(least)
    if not (moments.isfinite().all() and square.isfinite()):
        raise UserError("the model's activations on these rows are NaN or infinite.")
    factor = torch.linalg.cholesky(moments)
    whitened = torch.linalg.solve_triangular(factor, forget.T, upper=False)
    rows = torch.linalg.solve_triangular(factor.T, _leading(whitened, count), upper=True).T
    ratios = (forget @ rows.T).square().mean(0)  # s; each row reads 1 of the retain set with ridge
    scales = (square / 3 / ratios.clamp_min(1)).sqrt().where(ratios > EMPTY, 0)
    found: Tensor = rows.new_zeros(count, forget.shape[1])
    found[: len(rows)] = rows * scales[:, None]
    return found


def _leading(matrix: Tensor, count: int) -> Tensor:
    """Return the first left singular vectors as columns, `count` or as many as there are.

    Few of many are found by iteration; among nearly equal ones it may miss the greater.
    """
    if 2 * count > min(matrix.shape):
        left: Tensor = torch.linalg.svd(matrix, full_matrices=False).U
        return left[:, :count]
    with torch.random.fork_rng(devices=[matrix.device] if matrix.is_cuda else []):
        torch.manual_seed(0)
        width = count + OVERSAMPLED
        return torch.svd_lowrank(matrix, width, niter=ITERATIONS)[0][:, :count]


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
    model: CausalLM,
    layers: dict[str, LoraLayer],
    rows: Sequence[Encoded],
    places: Sequence[range],
    what: str,
) -> _Inputs:
    """Return what `layers` read at `places` of `rows`; of many, some that are spread over them."""
    chosen = list(range(0, len(rows), -(-len(rows) // ROWS)))
    stride = -(-sum(len(places[one]) for one in chosen) // SUBSPACE_TOKENS)
    found, offset = _Inputs(), 0
    device = next(model.parameters()).device
    with original(model), progress(what, len(chosen)) as advance:
        for number in chosen:
            taken = places[number][offset::stride]
            offset = (offset - len(places[number])) % stride
            if taken:
                with _watched(layers, len(rows[number].ids), list(taken), found):
                    model(input_ids=torch.tensor([rows[number].ids], device=device))
            advance(1)
    return found


@contextmanager
def _watched(
    layers: dict[str, LoraLayer], length: int, places: list[int], found: _Inputs
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


def _layers(model: CausalLM) -> dict[str, LoraLayer]:
    """Return the linear layers with LoRA adapters, by name; stacked experts are left out."""
    from peft.tuners.lora import LoraLayer as Adapted
    from peft.tuners.lora.layer import ParamWrapper

    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, Adapted) and not isinstance(module, ParamWrapper)
    }
