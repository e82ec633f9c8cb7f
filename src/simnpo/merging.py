"""A LoRA adapter merged into its base model, as a complete model."""

from typing import Any

from simnpo.errors import UserError
from simnpo.models import cannot_load, check_generation_config, is_adapter, resolve


def merge_adapter(adapter: str, trust_remote_code: bool = False) -> Any:
    """Return an adapter's base model with the adapter merged into it.

    The sum is made in float32 and rounded once, to the type of each of the base's weights; weights
    that the adapter leaves alone keep every bit.

    Args:
        adapter: a run's folder, or one that peft saved.
        trust_remote_code: whether the base's own code may run.

    Raises:
        UserError: it is no adapter, or it or its base cannot be loaded.
    """
    from peft import AutoPeftModelForCausalLM

    if not is_adapter(adapter):
        raise UserError(f"{adapter} is no adapter but a complete model: there is nothing to merge.")
    try:
        adapted = AutoPeftModelForCausalLM.from_pretrained(
            resolve(adapter),
            dtype="auto",
            trust_remote_code=trust_remote_code,
            use_safetensors=True,
        )
    except Exception as error:
        raise UserError(cannot_load("the adapter and its base", adapter, error)) from None
    base = adapted.get_base_model()
    config_dtype = base.config.dtype
    # An adapted layer holds the base's as `base_layer`, next to the adapter's own weights.
    dtypes = {name.replace(".base_layer", ""): one.dtype for name, one in _tensors(base)}
    merged = adapted.float().merge_and_unload(safe_merge=True)
    for name, one in _tensors(merged):
        one.data = one.data.to(dtypes[name])
    merged.config.dtype = config_dtype
    check_generation_config(merged)
    return merged


def _tensors(model: Any) -> list[tuple[str, Any]]:
    return [*model.named_parameters(), *model.named_buffers()]
