"""A model's configurations, kept from what transformers' Trainer writes into them."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import GenerationConfig

from simnpo.models.causal_lm import CausalLM


@contextmanager
def default_generation(model: CausalLM) -> Iterator[None]:
    """Take a model's settings for generation away within the block, where it has its own."""
    own = vars(model).get("generation_config")
    if own is not None:
        model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        if own is not None:
            model.generation_config = own


@contextmanager
def special_tokens_kept(model: CausalLM) -> Iterator[None]:
    """Put the configurations' special tokens back after the block.

    transformers' Trainer writes the tokenizer's into them. A pad token that was added to the
    tokenizer alone lies outside the embedding, and a model saved with it cannot be loaded.
    """
    configs = [model.config.get_text_config(), getattr(model, "generation_config", None)]
    names = ("eos_token_id", "bos_token_id", "pad_token_id")
    kept = [
        (config, name, getattr(config, name))
        for config in configs
        for name in names
        if hasattr(config, name)
    ]
    try:
        yield
    finally:
        for config, name, value in kept:
            setattr(config, name, value)
