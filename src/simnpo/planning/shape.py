"""The sizes of a model, from its configuration alone: no weight is read or made."""

from dataclasses import dataclass

import torch
from torch import nn

from simnpo.config import LoraConfig
from simnpo.errors import UserError
from simnpo.models import cannot_load
from simnpo.models.adapters import beneath
from simnpo.models.causal_lm import CausalLM, Linear, PreTrainedConfig
from simnpo.models.experts import (
    Experts,
    count_weights,
    describe_left_out,
    linear_layers,
    matrix_shape,
    named_as_experts,
    stacked_experts,
)
from simnpo.models.kinds import auto_class, read_config
from simnpo.models.whole import other_parts


@dataclass(frozen=True)
class Shape:
    """The sizes that memory and time depend on; all are numbers of values."""

    parameters: int
    """All weights; tied ones count once."""
    embedding: int
    """Weights of the input embedding."""
    head: int
    """Weights of the LM head, whether tied to the embedding or not."""
    linear: int
    """Weights of the linear layers but the head, and of experts: what LoRA adapts."""
    adapted: int
    """Inputs plus outputs of those layers, summed: LoRA's weights are its rank times this."""
    read: int
    """Inputs of the linear layers among them, summed: weights of A, which may be fixed, over its
    rank."""
    vocabulary: int
    layers: int
    width: int
    """Of the residual stream."""
    inner: int
    """Of the MLP; of a mixture of experts, of the experts that a token goes through, together."""
    queries: int
    """Heads times their size."""
    keys: int
    """Key heads times their size: smaller than `queries` with grouped-query attention."""
    heads: int
    experts: int = 0
    """Weights of a mixture's experts, which 4 bits leave as they are."""
    used: float = 1.0
    """Share of the experts that a token goes through."""
    chosen: int = 0
    """How many of them these are, in each layer."""
    frozen: int = 0
    """Weights of other parts than the text's, such as a vision tower: they are not trained."""
    left_out: str = ""
    """What LoRA does not adapt, see `simnpo.models.experts.describe_left_out`."""

    @property
    def multiplied(self) -> int:
        """Weights of linear layers and experts that a token is multiplied with."""
        return round(self.linear - self.experts * (1 - self.used))

    def adapter_weights(self, lora: LoraConfig) -> int:
        """Return how many weights of adapters are trained."""
        fixed = self.read if lora.subspace == "forget" else 0
        return lora.rank * (self.adapted - fixed)


def read_shape(model: str, trust_remote_code: bool = False) -> Shape:
    """Return the sizes of `model`: a folder, a run or a hub id. An adapter's are its base's.

    Raises:
        UserError: there is no such model, its configuration cannot be read, or it is not a causal
            LM.
    """
    _, base = beneath(model)
    config = read_config(base, trust_remote_code)
    try:
        with torch.device("meta"):  # modules and their shapes, without memory for the weights
            made = auto_class(config).from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise UserError(cannot_load("the configuration of", model, error)) from None
    return shape_of(made)


def shape_of(model: CausalLM) -> Shape:
    """Return the sizes of a causal LM of transformers, on the meta device or another.

    Raises:
        UserError: it has no LM head, or its configuration does not name its sizes.
    """
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    config = model.config.get_text_config()
    if head is None or getattr(config, "num_attention_heads", None) is None:
        raise UserError(
            f"{type(model).__name__} cannot be planned: it needs an LM head, and a configuration "
            "that names its attention heads."
        )
    linear, experts = linear_layers(model), list(stacked_experts(model))
    matrices: list[tuple[int, ...]] = [matrix_shape(module) for module in linear.values()]
    matrices += [one.weight.shape[1:] for one in experts for _ in range(one.weight.shape[0])]
    wrapped = named_as_experts(linear, experts)
    stacked, used = sum(one.weight.numel() for one in experts), _used(config, experts)
    width, heads = int(config.hidden_size), int(config.num_attention_heads)
    size = getattr(config, "head_dim", None) or width // heads
    layers = int(config.num_hidden_layers)
    inner = int(getattr(config, "intermediate_size", None) or 4 * width)  # as in GPT-2
    if experts:
        inner = round(used * stacked / layers / 3 / width) + _shared(linear)
    return Shape(
        parameters=count_weights(model),
        embedding=embedding.weight.numel(),
        head=head.weight.numel(),
        linear=sum(one[0] * one[1] for one in matrices),
        adapted=sum(one[0] + one[1] for one in matrices),
        read=sum(matrix_shape(one)[1] for name, one in linear.items() if name not in wrapped),
        vocabulary=head.weight.shape[0],
        layers=layers,
        width=width,
        inner=inner,
        queries=heads * size,
        keys=(getattr(config, "num_key_value_heads", None) or heads) * size,
        heads=heads,
        experts=stacked,
        used=used,
        chosen=round(used * experts[0].weight.shape[0]) if experts else 0,
        frozen=sum(one.numel() for one in other_parts(model)),
        left_out=describe_left_out(model),
    )


def _used(config: PreTrainedConfig, experts: list[Experts]) -> float:
    """Return which share of the experts a token goes through; all, if the model does not say."""
    names = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts")
    chosen = next((getattr(config, name) for name in names if getattr(config, name, None)), None)
    return min(1.0, chosen / experts[0].weight.shape[0]) if experts and chosen else 1.0


def _shared(linear: dict[str, Linear]) -> int:
    """Return the inner width of the experts that every token goes through."""
    found = [
        module.in_features
        for name, module in linear.items()
        if isinstance(module, nn.Linear) and "shared" in name and name.endswith("down_proj")
    ]
    return max(found, default=0)
