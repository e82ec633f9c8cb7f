"""What a forward pass keeps for the backward pass, counted."""

from contextlib import nullcontext
from typing import Any

import torch

from simnpo.config import LoraConfig
from simnpo.training.adapters import add_adapters


def kept_for_backward(model: Any, precision: str, rank: int) -> int:
    """Bytes that a forward pass over 128 tokens keeps for the backward pass."""
    model = model.to(torch.bfloat16) if precision == "bf16" else model
    model = add_adapters(model, LoraConfig(rank=rank)) if rank else model
    weights = {one.untyped_storage().data_ptr() for one in model.parameters()}
    kept: dict[int, int] = {}
    alive: list[torch.Tensor] = []  # so that no address is met twice

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    mixed = precision == "mixed"
    autocast = torch.autocast("cpu", torch.bfloat16) if mixed else nullcontext()
    decoder = model.get_base_model().model if rank else model.model
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), autocast:
        decoder(input_ids=torch.zeros(2, 64, dtype=torch.long), use_cache=False)
    return sum(kept.values())
