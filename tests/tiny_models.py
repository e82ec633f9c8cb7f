"""Tiny models of other architectures than the Llama of `conftest.py`, with random weights."""

from typing import Any

import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    FalconH1Config,
    FalconH1ForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
    Lfm2Config,
    Lfm2ForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)

VOCABULARY = 400
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 0,
}


def gpt2() -> Any:
    """Learned positions; tied embeddings."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=128,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
    )
    return GPT2LMHeadModel(config).eval()


def gemma2() -> Any:
    """Logits soft-capped after the head, and a sliding window of 4 tokens."""
    torch.manual_seed(0)
    config = Gemma2Config(
        **SHAPE,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=4,
        final_logit_softcapping=3.0,
        tie_word_embeddings=False,  # tied random weights repeat one token for ever
    )
    return Gemma2ForCausalLM(config).eval()


def bloom() -> Any:
    """Positions from the attention mask alone, so its forward pass takes no position ids."""
    torch.manual_seed(0)
    config = BloomConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
        tie_word_embeddings=False,
    )
    return BloomForCausalLM(config).eval()


def lfm2() -> Any:
    """A convolution layer beside an attention layer: its cache is of two kinds."""
    torch.manual_seed(0)
    return Lfm2ForCausalLM(Lfm2Config(**SHAPE, layer_types=["conv", "full_attention"])).eval()


def falcon_h1() -> Any:
    """Layers that are attention and state space at once: a cache layer of both kinds."""
    torch.manual_seed(0)
    config = FalconH1Config(
        **SHAPE,
        mamba_d_ssm=64,
        mamba_n_heads=4,
        mamba_d_head=16,
        mamba_d_state=8,
        mamba_n_groups=1,
        mamba_chunk_size=8,
    )
    return FalconH1ForCausalLM(config).eval()


def granite() -> Any:
    """Logits divided after the head."""
    torch.manual_seed(0)
    return GraniteForCausalLM(GraniteConfig(**SHAPE, logits_scaling=8.0)).eval()


def cohere() -> Any:
    """Logits multiplied after the head."""
    torch.manual_seed(0)
    return CohereForCausalLM(CohereConfig(**SHAPE, logit_scale=0.0625)).eval()


def mixtral() -> Any:
    """Four experts a layer, of which a token goes through two; stacked in one parameter."""
    torch.manual_seed(0)
    return MixtralForCausalLM(MixtralConfig(**SHAPE, num_local_experts=4)).eval()
