"""The sizes of a model, from its configuration alone: no weight is read or made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from simnpo.errors import UserError
from simnpo.models import ADAPTER, cannot_load, resolve


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
    """Weights of the linear layers but the head: what LoRA adapts and 4 bits hold."""
    adapted: int
    """Inputs plus outputs of those layers, summed: LoRA's weights are its rank times this."""
    vocabulary: int
    layers: int
    width: int
    """Of the residual stream."""
    inner: int
    """Of the MLP."""
    queries: int
    """Heads times their size."""
    keys: int
    """Key heads times their size: smaller than `queries` with grouped-query attention."""
    heads: int


def read_shape(model: str, trust_remote_code: bool = False) -> Shape:
    """Return the sizes of `model`: a folder, a run or a hub id. An adapter's are its base's.

    Raises:
        UserError: there is no such model, its configuration cannot be read, or it is no causal LM.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    name = resolve(model)
    try:
        if (Path(name) / ADAPTER).is_file():
            from peft import PeftConfig

            name = PeftConfig.from_pretrained(name).base_model_name_or_path
        config = AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code)
        with torch.device("meta"):  # modules and their shapes, without memory for the weights
            made = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise UserError(cannot_load("the configuration of", model, error)) from None
    return shape_of(made)


def shape_of(model: Any) -> Shape:
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
    layers = [one for one in model.modules() if _is_linear(one) and one is not head]
    width, heads = int(config.hidden_size), int(config.num_attention_heads)
    size = getattr(config, "head_dim", None) or width // heads
    return Shape(
        parameters=sum(one.numel() for one in model.parameters()),
        embedding=embedding.weight.numel(),
        head=head.weight.numel(),
        linear=sum(one.weight.numel() for one in layers),
        adapted=sum(sum(one.weight.shape) for one in layers),
        vocabulary=head.weight.shape[0],
        layers=int(config.num_hidden_layers),
        width=width,
        inner=int(getattr(config, "intermediate_size", None) or 4 * width),  # as in GPT-2
        queries=heads * size,
        keys=(getattr(config, "num_key_value_heads", None) or heads) * size,
        heads=heads,
    )


def _is_linear(module: nn.Module) -> bool:
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layer

    return isinstance(module, nn.Linear | Conv1D)
