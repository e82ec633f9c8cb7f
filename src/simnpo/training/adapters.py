"""LoRA: adapters on all linear layers of a model, and on its experts."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from simnpo.config import LoraConfig
from simnpo.models.causal_lm import CausalLM
from simnpo.models.experts import (
    describe_left_out,
    linear_layers,
    named_as_experts,
    stacked_experts,
)
from simnpo.models.tensors import listed
from simnpo.models.whole import other_parts
from simnpo.planning.shape import shape_of
from simnpo.system.notes import note_once


def add_adapters(model: CausalLM, lora: LoraConfig) -> CausalLM:
    """Freeze `model` and put trainable low-rank adapters on all its linear layers and experts.

    What is neither, such as the routers of a mixture of experts, is named. Of a model that also
    sees or hears, the text part is adapted.
    """
    import peft

    experts = [one.name for one in stacked_experts(model)]
    layers = linear_layers(model)
    where: dict[str, object] = {"target_modules": "all-linear"}
    if experts or other_parts(model):
        renamed = named_as_experts(layers, experts)
        where = {
            "target_modules": [name for name in layers if name not in renamed],
            "target_parameters": [*experts, *(f"{name}.weight" for name in renamed)] or None,
        }
    settings = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        task_type="CAUSAL_LM",
        revision=getattr(model, "revision", None),
        # GPT-2's layers are held transposed, which peft would find out with a warning.
        fan_in_fan_out=all(not isinstance(one, nn.Linear) for one in layers.values()),
        **where,
    )
    left = describe_left_out(model)
    expected = {*layers, *(name.rpartition(".")[0] for name in experts)}
    adapted: CausalLM = peft.get_peft_model(model, settings)
    if missed := expected - _adapted(adapted):
        left = ", ".join(one for one in (listed(sorted(missed)), left) if one)
    if left:
        note_once(f"Note: not adapted, apart from embeddings, head and norms: {left}.")
    return adapted


@contextmanager
def original(model: CausalLM) -> Iterator[None]:
    """Let a model with adapters of peft be the one without them, in evaluation mode.

    Afterwards the same weights are trained as before: peft itself would train all of an adapter's.
    """
    training = model.training
    frozen = [one for one in model.parameters() if not one.requires_grad]
    model.eval()
    try:
        with model.disable_adapter():
            yield
    finally:
        model.train(training)
        for one in frozen:
            one.requires_grad_(False)


def _adapted(model: CausalLM) -> set[str]:
    """Return the names of what has adapters in a model of peft, as they are without."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    base = model.get_base_model()
    return {
        name.replace(".base_layer", "")
        for name, module in base.named_modules()
        if isinstance(module, BaseTunerLayer)
    }


def trained_parameters(model: CausalLM, lora: LoraConfig) -> int:
    """Return how many weights of `model` are trained: its text part's, or what adapters add."""
    if not lora.rank:
        return sum(one.numel() for one in model.parameters() if one.requires_grad)
    return shape_of(model).adapter_weights(lora)
