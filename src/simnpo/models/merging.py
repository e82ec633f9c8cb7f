"""Adapters merged into the weights they are on: in float32, a layer at a time, rounded once."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM

MOST_LOST = 0.5
"""Error of rounding, as a share of what an adapter changes, that is not passed over in silence."""


@dataclass
class Rounding:
    """How much of what adapters change is lost as the sums are rounded."""

    dtype: torch.dtype | None = None
    """The type that they are rounded to in the end; None is each weight's own."""
    change: float = 0.0
    """Sum of squares of what the adapters change."""
    error: float = 0.0
    """Sum of squares of what rounding makes of the sums."""

    @property
    def share(self) -> float:
        """The error, as a share of the change."""
        return math.sqrt(self.error / self.change) if self.change else 0.0

    def describe(self, model: str) -> str:
        """Say so where most of it is lost; else nothing."""
        if self.share <= MOST_LOST:
            return ""
        return f"rounding to few bits errs by {self.share:.0%} of what the adapter {model} changes"

    def add(self, before: Tensor, after: Tensor, dtype: torch.dtype) -> None:
        """Take a weight into account, as it was and as it is, in float32."""
        self.change += float((after - before).square().sum())
        rounded = after.to(self.dtype or dtype).to(after.dtype)
        self.error += float((rounded - after).square().sum())


def merge(adapted: CausalLM, name: str, lost: Rounding | None = None) -> CausalLM:
    """Return the base of a peft model with its adapters merged in float32, each layer by itself.

    Each of the base's tensors keeps its type, to which the sum is rounded once.

    Args:
        adapted: a model of peft.
        name: what the user calls it.
        lost: takes up what rounding loses.

    Raises:
        UserError: the adapter is of a kind that cannot be merged, or makes a weight NaN or
            infinite.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    kind = str(getattr(adapted.peft_config["default"].peft_type, "value", ""))
    base = adapted.get_base_model()
    _untie_adapted(base)
    # An adapted layer holds the base's as `base_layer`, next to the adapter's own weights.
    dtypes = {name.replace(".base_layer", ""): one.dtype for name, one in tensors_of(base)}
    for layer in adapted.modules():
        if isinstance(layer, BaseTunerLayer) and hasattr(layer, "merge"):
            layer.merge = partial(_merge_in_float32, layer, layer.merge, lost or Rounding())
    try:
        merged = adapted.merge_and_unload(safe_merge=True)
    except (AttributeError, NotImplementedError, TypeError):
        raise UserError(unmergeable(name, kind)) from None
    except ValueError as error:
        raise UserError(f"cannot merge the adapter {name}: {error}") from None
    if any(isinstance(one, BaseTunerLayer) for one in merged.modules()):
        raise UserError(unmergeable(name, kind))
    for place, one in tensors_of(merged):
        one.data = one.data.to(dtypes.get(place, one.dtype))
    return merged


def _merge_in_float32(
    layer: Any, merge: Callable[..., object], lost: Rounding, *args: object, **options: object
) -> None:
    """Merge one layer's adapter; only this layer is held in float32."""
    before = {name: one.detach().clone() for name, one in tensors_of(layer.get_base_layer())}
    layer.float()
    merge(*args, **options)
    for name, one in tensors_of(layer.get_base_layer()):
        was = before[name]
        if was.is_floating_point():
            lost.add(was.float(), one.detach(), was.dtype)
        one.data = one.data.to(was.dtype)


def _untie_adapted(base: CausalLM) -> None:
    """Give head and embedding weights of their own where one of them alone is adapted."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    head, embedding = base.get_output_embeddings(), base.get_input_embeddings()
    if head is None or head.weight is not embedding.weight:
        return
    for one in (head, embedding):
        if isinstance(one, BaseTunerLayer):
            bare = one.get_base_layer()
            bare.weight = nn.Parameter(bare.weight.detach().clone())
            base.config.get_text_config().tie_word_embeddings = False
            base.config.tie_word_embeddings = False


def tensors_of(model: nn.Module) -> list[tuple[str, Tensor]]:
    """Return the parameters and buffers of a model by name."""
    return [*model.named_parameters(), *model.named_buffers()]


def unmergeable(model: str, kind: str) -> str:
    """Say that an adapter is of a kind that cannot be merged."""
    return (
        f"{model} is an adapter ({kind}) that cannot be merged into its base's weights, and only "
        "what can be merged is loaded, such as LoRA, DoRA and IA3."
    )
