"""Tiny models as GGUF files, as llama.cpp's converter writes them."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def permuted(weight: Tensor, heads: int) -> Tensor:
    """Return queries or keys as llama.cpp has them: rotary pairs beside each other."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def write_gguf(model: Any, tokenizer: Any, path: Path, **options: Any) -> None:
    """Write a tiny Llama as llama.cpp's converter does, unquantised.

    Args:
        model: the Llama.
        tokenizer: a byte-level BPE whose first two tokens begin and end a text.
        path: where to.
        options: `kind`, the type of matrices; `left`, part of the names of tensors to leave out;
            `further`, tensors to add.
    """
    import gguf

    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, *[1] * (len(tokens) - 2)])
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(one) if isinstance(one, list) else one for one in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    names = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        **{f"self_attn.{one}_proj": f"attn_{one}" for one in "qkv"},
        "self_attn.o_proj": "attn_output",
        **{f"mlp.{one}_proj": f"ffn_{one}" for one in ("gate", "up", "down")},
        "model.layers": "blk",
    }
    left = options.get("left", "none of them")
    for name, weight in model.state_dict().items():
        value = weight
        if "q_proj" in name:
            value = permuted(weight, config.num_attention_heads)
        if "k_proj" in name:
            value = permuted(weight, config.num_key_value_heads)
        for old, new in names.items():
            name = name.replace(old, new)
        if left not in name:
            kind = options.get("kind", torch.float32)
            array = value.to(kind if value.ndim > 1 else torch.float32).numpy()
            writer.add_tensor(name, array)
    for name, tensor in options.get("further", {}).items():
        writer.add_tensor(name, tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
