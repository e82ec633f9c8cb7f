"""Dropout switched off while a model unlearns, and put back as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

RANDOM = ("drop", "jitter")
"""Parts of the names of settings that make a forward pass random in training: `attn_pdrop`,
`hidden_dropout`, `layerdrop`, `router_jitter_noise`."""


@contextmanager
def without_dropout(model: nn.Module) -> Iterator[None]:
    """Compute without dropout while the block runs, in training mode too.

    Evaluation mode would do it, but gradient checkpointing needs training mode.
    """
    changed: list[tuple[object, str, float]] = []
    for owner in _owners(model):
        for name, value in list(vars(owner).items()):
            chosen = name == "p" if isinstance(owner, _DropoutNd) else _is_random(name)
            if chosen and isinstance(value, (int, float)) and not isinstance(value, bool) and value:
                changed.append((owner, name, value))
                setattr(owner, name, 0.0)
    try:
        yield
    finally:
        for owner, name, value in changed:
            setattr(owner, name, value)


def _owners(model: nn.Module) -> list[object]:
    """Return all modules, and the configurations that some read at every forward pass."""
    modules = list(model.modules())
    configs = {id(one.config): one.config for one in modules if hasattr(one, "config")}
    return [*modules, *configs.values()]


def _is_random(name: str) -> bool:
    return any(part in name.lower() for part in RANDOM)
