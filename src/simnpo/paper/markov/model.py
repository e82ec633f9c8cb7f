"""The study's model: transformers' GPT-2 over the ten states."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from simnpo.models.causal_lm import CausalLM
from simnpo.paper.markov.chains import STATES
from simnpo.paper.markov.panels import LENGTH

CONFIG = {
    "vocab_size": STATES,
    "n_positions": LENGTH,
    "n_layer": 4,
    "n_head": 4,
    "n_embd": 128,
    # The paper names no dropout; the code released with it has none.
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    # GELU itself, not GPT-2's approximation of it: within 0.0005, and a fourth of the time on a
    # CPU, where the approximation would be a third of all work.
    "activation_function": "gelu",
    "bos_token_id": None,
    "eos_token_id": None,
}
"""What app. H says of the model: 4 layers, 4 heads, width 128."""


def new_model(seed: int) -> CausalLM:
    """Return the study's GPT-2 with weights drawn by `seed`, in evaluation mode.

    It draws from torch's global generator, so not from two threads at once.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: CausalLM = GPT2LMHeadModel(GPT2Config(**CONFIG)).eval()
        return model
