"""The LM head of a model: where it is, what comes after it, and whether it can be fused."""

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from simnpo.errors import UserError
from simnpo.forward.fused import LogitTransform
from simnpo.models.causal_lm import CausalLM
from simnpo.system.terminal import write


def output_head(model: CausalLM) -> nn.Module:
    """Return the LM head of a causal LM.

    Raises:
        UserError: it has none.
    """
    head = model.get_output_embeddings()
    if head is None:
        raise UserError(f"{type(model).__name__} has no LM head, so it is not a causal LM.")
    assert isinstance(head, nn.Module)
    return head


class HeadProbe(NamedTuple):
    """What was found out about an LM head."""

    after: LogitTransform | None
    """What comes after it; None where it cannot be fused."""
    reason: str = ""
    """Why it cannot."""


_read: "WeakKeyDictionary[nn.Module, HeadProbe]" = WeakKeyDictionary()


def probe_lm_head(model: CausalLM, head: nn.Module, ids: Tensor) -> HeadProbe:
    """Find out, once for each head, how its output becomes logits, and say so if it is unclear.

    Candidates come from the model's configuration; the one that gives the model's own logits on a
    few tokens is believed, and none is where nothing does.

    Args:
        model: a causal LM, possibly wrapped.
        head: its LM head.
        ids: some tokens it knows, shape (rows, time).
    """
    if head not in _read:
        _read[head] = reading = _read_now(model, head, ids)
        if reading.after is None:
            write(f"Note: whole logits are kept: {reading.reason}.", to_stderr=True)
    return _read[head]


def _read_now(model: CausalLM, head: nn.Module, ids: Tensor) -> HeadProbe:
    if type(head) is not nn.Linear:
        return HeadProbe(None, f"the LM head is a {type(head).__name__}, not a plain linear layer")
    if hasattr(head, "_hf_hook"):
        return HeadProbe(None, "the LM head's weights are offloaded")
    if hasattr(head.weight, "ds_id"):
        return HeadProbe(None, "DeepSpeed ZeRO-3 parts the LM head's weights")
    made: list[Tensor] = []
    handle = head.register_forward_hook(lambda _, inputs, output: made.append(output))
    try:
        with torch.no_grad():
            logits = model(input_ids=ids[:1, :8], use_cache=False).logits[0].float()
    finally:
        handle.remove()
    if len(made) != 1:
        return HeadProbe(None, f"the LM head runs {len(made)} times in a forward pass")
    (raw,) = made
    if raw[0].shape != logits.shape:
        return HeadProbe(None, "its logits have another shape than what its LM head makes")
    tolerance = 1e-4 if raw.dtype == torch.float32 else 2e-2
    for after in _candidates(model):
        off = (after.apply(raw[0].float()) - logits).abs().max()
        if off <= tolerance * logits.abs().max():
            return HeadProbe(after)
    return HeadProbe(None, f"{type(model).__name__} does something unknown after its LM head")


def without_wrapper(model: nn.Module) -> nn.Module:
    """Return the model inside a wrapper without a configuration, such as DDP's."""
    while not hasattr(model, "config") and hasattr(model, "module"):
        inner = model.module
        assert isinstance(inner, nn.Module)
        model = inner
    return model


def _candidates(model: CausalLM) -> list[LogitTransform]:
    config: Any = getattr(without_wrapper(model), "config", None)
    if hasattr(config, "get_text_config"):
        config = config.get_text_config()
    known = {
        name: getattr(config, name, None)
        for name in ("logit_scale", "logits_scaling", "lm_head_multiplier")
    }
    # What the configuration declares comes first: on a few tokens of small logits a soft cap may
    # hardly show.
    scales = [1 / known["logits_scaling"]] if known["logits_scaling"] else []
    scales += [*(float(value) for value in known.values() if value), 1.0]
    cap = getattr(config, "final_logit_softcapping", None)
    caps = [float(cap), None] if cap else [None]
    return [LogitTransform(scale, one) for one in caps for scale in scales]
