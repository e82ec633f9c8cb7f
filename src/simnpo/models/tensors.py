"""Whether the tensors of a checkpoint are those of the model that its configuration describes."""

import re
from collections.abc import Iterable, Mapping

import torch

from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM
from simnpo.storage.json_values import Json

WRAPPED = re.compile(
    r"(?:^module\.)|(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module)\."
)
"""What torch.compile, DDP, FSDP and others put into the names of what they wrap."""
DEEPEST = 4
"""Wrappers around one another at most."""
BUFFERS = re.compile(
    r"(?:^|\.)(?:(?:self_)?attn|attention|self_attention)\.(?:attention\.)?(?:masked_)?bias$"
    r"|(?:^|\.)(?:causal_mask|position_ids|num_batches_tracked)$|inv_freq$"
)
"""Constants that older versions of transformers saved."""
NAMED = 3
"""Tensors that a message names of each kind."""


def unwrapped(name: str) -> str:
    """Return a tensor's name without what wrappers put into it."""
    for _ in range(DEEPEST):
        name = WRAPPED.sub("", name)
    return name


def unwrapping() -> dict[str, str]:
    """Return `unwrapped` as transformers' `key_mapping`, each of whose patterns acts once."""
    return {"(?:" * depth + WRAPPED.pattern + ")" * depth: "" for depth in range(1, DEEPEST + 1)}


def forget_unwrapping(model: CausalLM) -> None:
    """Make sure that a model which was loaded by `unwrapping` is saved by its own names."""
    conversions = getattr(model, "_weight_conversions", None) or []
    model._weight_conversions = [
        one for one in conversions if WRAPPED.pattern not in one.source_patterns[0]
    ]


def is_constant(name: str, model: object) -> bool:
    """Tell whether a tensor is none that a model learns: it may be there or not.

    Args:
        name: its name in a checkpoint.
        model: a model of transformers, or its class.
    """
    ignored = getattr(model, "_keys_to_ignore_on_load_unexpected", None) or ()
    return bool(BUFFERS.search(name)) or any(re.search(pattern, name) for pattern in ignored)


def check_tensors(info: Mapping[str, Json], model: CausalLM, name: str) -> None:
    """Make sure that every weight of a loaded model came from its checkpoint, and nothing is left.

    Args:
        info: transformers' `output_loading_info`: tied heads and what a class ignores are not part.
        model: what was loaded.
        name: what the user calls it.

    Raises:
        UserError: tensors are missing, left over or of another shape; a few are named, with what
            usually helps.
    """
    missing = sorted(info["missing_keys"])
    left = sorted(one for one in info["unexpected_keys"] if not is_constant(one, model))
    shapes = sorted((one, list(found), list(due)) for one, found, due in info["mismatched_keys"])
    if not (missing or left or shapes):
        return
    lines = [
        f"cannot load the model {name}: its tensors are not those of the "
        f"{type(model).__name__} that its config.json describes."
    ]
    if missing:
        lines.append(f"Missing: {listed(missing)}.")
    if left:
        lines.append(f"Not the model's: {listed(left)}.")
    if shapes:
        texts = [f"{one} {found} instead of {due}" for one, found, due in shapes]
        lines.append(f"Of another shape: {listed(texts)}.")
    lines.append(_cure(model, missing, left, bool(shapes)))
    raise UserError("\n".join(lines))


def listed(names: Iterable[str]) -> str:
    """Return the first few names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _cure(model: CausalLM, missing: list[str], left: list[str], reshaped: bool) -> str:
    if any("lora_" in one or ".base_layer." in one for one in left):
        return "It was saved with its adapters in place: merge them (merge_and_unload), save again."
    if left and missing:
        return "Save the bare model again, out of what wraps it, with its save_pretrained."
    if reshaped or left:
        return "Put the config.json that these weights were saved with next to them."
    head = {name for name in missing if name.endswith(("lm_head.weight", "embed_out.weight"))}
    if head == set(missing):
        return (
            'If the head is the embedding itself, set "tie_word_embeddings": true in config.json.'
        )
    return "The checkpoint is incomplete: copy or save all of it again."


def check_finite(loaded: torch.nn.Module, model: str) -> None:
    """Make sure that every weight is a number: one that is not may show only much later.

    Raises:
        UserError: naming how many tensors hold others, and one of them.
    """
    broken = [
        name
        for name, weight in loaded.named_parameters()
        if weight.is_floating_point() and not weight.is_meta and not weight.isfinite().all()
    ]
    if broken:
        raise UserError(
            f"cannot load the model {model}: {len(broken)} of its tensors hold NaN or infinity, "
            f"such as {broken[0]}: its file is damaged, or its training diverged."
        )
