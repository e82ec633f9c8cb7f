"""The weights of a model that are products with its inputs: linear layers, and stacked experts.

A mixture of experts keeps the matrices of all experts of a layer in one parameter of three
dimensions, which is not a linear layer of torch: whoever works on linear layers alone would leave
out most of the model.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeGuard

from torch import Tensor, nn

from simnpo.models.causal_lm import CausalLM, Linear
from simnpo.models.tensors import listed
from simnpo.models.whole import other_parts


class Experts(NamedTuple):
    """The matrices of all experts of a layer, in one parameter."""

    name: str
    """Its place in the model."""
    weight: Tensor
    """Of shape (experts, outputs, inputs), or (experts, inputs, outputs)."""
    transposed: bool
    """Whether inputs come before outputs."""


def is_linear(module: nn.Module) -> TypeGuard[Linear]:
    """Tell whether `module` is a linear layer: torch's, or GPT-2's, which is held transposed.

    Llama 4's router is made from torch's and returns more than a product, so it is none.
    """
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, nn.Linear | Conv1D) and "Router" not in type(module).__name__


RENAMED = ("gate", "w1", "w2", "w3", "gate_proj", "up_proj", "down_proj")
"""Names by which peft takes a linear layer of a mixture of experts for the experts themselves, as
they were called before they were stacked; it then leaves out the layer of that name."""


def matrix_shape(module: Linear) -> tuple[int, int]:
    """Return outputs and inputs of a linear layer: 4 bits lie packed in a column of bytes."""
    if isinstance(module, nn.Linear):
        return module.out_features, module.in_features
    inputs, outputs = module.weight.shape  # GPT-2's are held transposed
    return int(outputs), int(inputs)


def count_weights(model: CausalLM) -> int:
    """Return the number of a model's weights, those in 4 bits too."""
    packed = {
        id(module.weight): math.prod(matrix_shape(module)) - module.weight.numel()
        for module in model.modules()
        if is_linear(module)
    }
    return sum(one.numel() + packed.get(id(one), 0) for one in model.parameters())


def linear_layers(model: CausalLM) -> dict[str, Linear]:
    """Return the linear layers by name, all of a model's text part but its LM head."""
    head = model.get_output_embeddings()
    others = {id(one) for one in other_parts(model)}
    return {
        name: module
        for name, module in model.named_modules()
        if is_linear(module) and module is not head and id(module.weight) not in others
    }


def stacked_experts(model: nn.Module) -> Iterator[Experts]:
    """Yield the experts of a model, each of its parameters once."""
    for place, module in model.named_modules():
        if _is_of_torch(module):
            continue
        for name, weight in module.named_parameters(recurse=False):
            if weight.ndim == 3 and weight.shape[0] > 1 and weight.is_floating_point():
                full = f"{place}.{name}"
                yield Experts(full, weight, _is_transposed(model, module, full, weight))


def named_as_experts(layers: Iterable[str], experts: Sequence[object]) -> list[str]:
    """Return which linear layers peft takes for the model's experts by name, see `RENAMED`."""
    return [name for name in layers if experts and name.split(".")[-1] in RENAMED]


def _is_of_torch(module: nn.Module) -> bool:
    """Tell whether a module's parameters mean what torch says, such as a convolution's."""
    return type(module).__module__.startswith("torch.")


def _is_transposed(model: nn.Module, module: nn.Module, name: str, weight: Tensor) -> bool:
    """Tell whether inputs come before outputs, as transformers says it, or by the sizes.

    The first product's inputs are as wide as the model, the second's outputs.
    """
    if (flag := getattr(module, "is_transposed", None)) is not None:
        return bool(flag)
    config = getattr(model, "config", None)
    width = getattr(config and config.get_text_config(), "hidden_size", None)
    first = weight.shape[1] == width and weight.shape[2] != width
    second = weight.shape[2] == width and weight.shape[1] != width
    return second if "down" in name or "output" in name else first


def left_out(model: CausalLM) -> dict[str, int]:
    """Return the matrices of a model that are neither linear layers, experts nor embeddings.

    Routers are such ones. Each is named without the numbers of its layers, with the weights that
    all layers have of it.
    """
    experts = {id(one.weight) for one in stacked_experts(model)}
    found: dict[str, int] = {}
    for place, module in model.named_modules():
        if is_linear(module) or _is_of_torch(module) or isinstance(module, nn.Embedding):
            continue
        for name, weight in module.named_parameters(recurse=False):
            matrix = weight.ndim > 1 and min(weight.shape) > 1 and not name.endswith("bias")
            if matrix and id(weight) not in experts:
                parts = [part for part in f"{place}.{name}".split(".") if not part.isdigit()]
                key = ".".join(parts[-3:])
                found[key] = found.get(key, 0) + weight.numel()
    return found


def describe_left_out(model: CausalLM) -> str:
    """Say what of a mixture of experts, or of 1 % or more of a model, `left_out` names; or ""."""
    found = left_out(model)
    share = sum(found.values()) / max(1, count_weights(model))
    if not found or (share < 0.01 and not any(True for _ in stacked_experts(model))):
        return ""
    return f"{listed(found)} ({share:.2g} of all weights)"
