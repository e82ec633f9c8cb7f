"""Tiny models of other architectures than the Llama of `conftest.py`, with random weights."""

from typing import Any

import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    FalconConfig,
    FalconForCausalLM,
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
    MambaConfig,
    MambaForCausalLM,
    MiniMaxConfig,
    MiniMaxForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    RwkvConfig,
    RwkvForCausalLM,
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


def gpt2_with_dropout() -> Any:
    """GPT-2 as it is published: a tenth of everything is dropped in training."""
    model = gpt2()
    assert model.config.resid_pdrop == model.config.attn_pdrop == model.config.embd_pdrop == 0.1
    return model


def falcon() -> Any:
    """Its layers read dropout from the configuration at every forward pass."""
    torch.manual_seed(0)
    config = FalconConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        initializer_range=0.3,
        hidden_dropout=0.3,
        attention_dropout=0.3,
        bos_token_id=0,
        eos_token_id=1,
    )
    return FalconForCausalLM(config).eval()


def opt() -> Any:
    """Dropout as plain numbers in its layers, and whole layers that are left out at random."""
    torch.manual_seed(0)
    config = OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        word_embed_proj_dim=32,
        init_std=0.3,
        dropout=0.3,
        attention_dropout=0.3,
        layerdrop=0.3,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=0,
    )
    return OPTForCausalLM(config).eval()


def mixtral_with_jitter() -> Any:
    """Experts, whose router adds noise in training."""
    torch.manual_seed(0)
    config = MixtralConfig(**SHAPE, num_local_experts=2, num_experts_per_tok=1)
    config.router_jitter_noise = 0.3
    return MixtralForCausalLM(config).eval()


def rwkv() -> Any:
    """Recurrent: it reads padding, and there is no mask that would stop it."""
    torch.manual_seed(0)
    config = RwkvConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        attention_hidden_size=32,
        num_hidden_layers=2,
        context_length=64,
        bos_token_id=0,
        eos_token_id=1,
    )
    return RwkvForCausalLM(config).eval()


def minimax() -> Any:
    """Linear attention, with a cache that no other model has."""
    torch.manual_seed(0)
    config = MiniMaxConfig(
        **SHAPE,
        head_dim=8,
        num_local_experts=2,
        num_experts_per_tok=1,
        block_size=8,
        layer_types=["linear_attention", "full_attention"],
    )
    return MiniMaxForCausalLM(config).eval()


def mamba() -> Any:
    """A state-space model."""
    torch.manual_seed(0)
    config = MambaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        state_size=8,
        num_hidden_layers=2,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=0,
    )
    return MambaForCausalLM(config).eval()


def mixtral() -> Any:
    """Four experts a layer, of which a token goes through two; stacked in one parameter."""
    torch.manual_seed(0)
    return MixtralForCausalLM(MixtralConfig(**SHAPE, num_local_experts=4)).eval()
