"""Mixed precision as a property of a model: whoever runs it computes in the same types.

A model loaded for `mixed` has float32 weights and runs under bfloat16 autocast, whether it is
trained, scored, asked, or frozen as a reference: NPO's first loss is 2/beta log 2 only where the
policy and its reference round alike.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from types import MethodType

import torch
from torch import nn

from simnpo.config import Precision
from simnpo.models.causal_lm import CausalLM
from simnpo.models.experts import count_weights
from simnpo.system.notes import note_once

_MARK, _FOUR_BITS = "_simnpo_mixed", "_simnpo_four_bits"


def run_mixed(model: nn.Module) -> None:
    """Make every forward pass of `model` run under bfloat16 autocast, in place."""
    plain = type(model).forward

    @wraps(plain)
    def forward(self: nn.Module, *args: object, **kwargs: object) -> object:
        with torch.autocast(next(self.parameters()).device.type, torch.bfloat16):
            return plain(self, *args, **kwargs)

    model.forward = MethodType(forward, model)
    setattr(model, _MARK, True)


def is_mixed(model: CausalLM) -> bool:
    """Return whether `model`, possibly wrapped, runs under autocast."""
    return bool(getattr(model, _MARK, False))


def precision_of(model: CausalLM) -> Precision:
    """Return the precision that `model` computes in."""
    if is_mixed(model):
        return "mixed"
    return "bf16" if getattr(model, "dtype", torch.float32) == torch.bfloat16 else "fp32"


def mark_four_bits(model: nn.Module) -> None:
    """Remember that the linear layers of `model` are held in 4 bits."""
    setattr(model, _FOUR_BITS, True)


def in_four_bits(model: CausalLM) -> bool:
    """Return whether linear layers of `model`, possibly wrapped, are held in 4 bits."""
    return bool(getattr(model, _FOUR_BITS, False))


@contextmanager
def weights_cast_once(model: CausalLM) -> Iterator[None]:
    """Keep the bfloat16 copies of a mixed model's weights while the block runs.

    Autocast makes them anew in every forward pass. Generation has one for each token. Only where
    no weight changes within the block.
    """
    if not is_mixed(model):
        yield
        return
    with torch.autocast(next(model.parameters()).device.type, torch.bfloat16):
        yield


def fast_bf16() -> bool:
    """Return whether this machine's processor multiplies bfloat16 matrices faster than float32."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool((supported and supported()) or (tiles and tiles()))


LARGE_FOR_A_CPU = 5e7
"""Weights from which a model's products take most of a CPU's time."""


def note_slow_bf16(model: CausalLM) -> None:
    """Say so where a large model computes in bfloat16 and the processor would rather not.

    Without instructions for it, a forward and backward pass of a model of 135 million took seven
    times as long under bfloat16 autocast as in float32, so a run of minutes takes an hour.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    if not on_cpu or precision_of(model) == "fp32" or fast_bf16():
        return
    if count_weights(model) >= LARGE_FOR_A_CPU:
        note_once(
            "Note: this processor has no instructions for bfloat16 and is several times slower in "
            "it: --precision fp32 is the fast choice here."
        )


def own_data_precision(parameters: int) -> Precision:
    """Return the precision of training on own data where the user names none.

    On a CPU that multiplies bfloat16 fast, `mixed` for models of `LARGE_FOR_A_CPU` weights or more:
    a step of a model of 135 million took 0.57 times as long as in float32. Else `auto`.
    """
    fast = not torch.cuda.is_available() and fast_bf16()
    return "mixed" if fast and parameters >= LARGE_FOR_A_CPU else "auto"
