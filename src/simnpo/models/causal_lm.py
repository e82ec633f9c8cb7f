"""What simnpo asks of a model, for type checkers: transformers' own classes are untyped."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch
    from peft import PeftConfig as PeftConfig
    from peft.tuners.lora import LoraLayer as LoraLayer
    from torch import Tensor, nn
    from transformers import GenerationConfig
    from transformers import PreTrainedConfig as PreTrainedConfig
    from transformers.pytorch_utils import Conv1D

    Linear: TypeAlias = nn.Linear | Conv1D
    """A linear layer: torch's, or GPT-2's, which is held transposed."""

    class CausalLM(nn.Module):
        """A causal LM of transformers, with or without peft's adapters.

        It is no Protocol, since it must count as a module of torch.
        """

        _weight_conversions: list[object]
        _no_split_modules: Collection[str]
        config: PreTrainedConfig
        generation_config: GenerationConfig
        peft_config: dict[str, PeftConfig]
        device: torch.device
        dtype: torch.dtype
        stored_dtype: torch.dtype | None
        """Type of the weights in their files."""
        revision: str | None
        """Commit of the hub's repository."""

        def generate(self, inputs: Tensor, **options: object) -> Tensor:
            """Return prompts with what the model writes after them."""

        def get_input_embeddings(self) -> nn.Embedding:
            """Return the layer that makes vectors of token ids."""

        def get_output_embeddings(self) -> nn.Linear | None:
            """Return the LM head."""

        def get_decoder(self) -> nn.Module:
            """Return the model without its LM head."""

        def get_base_model(self) -> "CausalLM":
            """Return the model within peft's."""

        def disable_adapter(self) -> AbstractContextManager[None]:
            """Compute without the adapters for a block."""

        def merge_and_unload(self, safe_merge: bool) -> "CausalLM":
            """Return the base with the adapters added to its weights."""

        def resize_token_embeddings(self, new_num_tokens: int) -> object:
            """Give the embeddings and the LM head rows for more tokens."""

        def save_pretrained(self, save_directory: object, **options: object) -> None:
            """Write the model's files into a folder."""

        def tie_weights(self) -> None:
            """Let the LM head share the embeddings' weights, where the configuration says so."""

        def gradient_checkpointing_enable(self, settings: Mapping[str, object]) -> None:
            """Compute activations again in the backward pass."""

else:
    # Whatever tests put in their place.
    CausalLM = Linear = LoraLayer = PeftConfig = PreTrainedConfig = object
