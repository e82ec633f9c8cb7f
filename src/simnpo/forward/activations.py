"""The forward pass up to a decoder layer, and which layers a method trains (RMU)."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from simnpo.data.batching import Batch
from simnpo.errors import UserError
from simnpo.forward.answer_tokens import head_at_states
from simnpo.forward.lm_head import output_head
from simnpo.models.causal_lm import CausalLM


class Decoder(NamedTuple):
    """Where a model keeps its decoder layers."""

    holder: nn.Module
    """The module that calls them in turn."""
    name: str
    """Its attribute."""

    @property
    def layers(self) -> nn.ModuleList:
        """The layers, first to last."""
        found = getattr(self.holder, self.name)
        assert isinstance(found, nn.ModuleList)
        return found


def find_decoder(model: CausalLM) -> Decoder:
    """Find the decoder layers of a causal LM of transformers, not wrapped.

    Raises:
        UserError: it has no list of as many modules as its configuration names layers.
    """
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    for holder in model.modules():  # the outermost first, so before lists within a layer
        for name, child in holder.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == count:
                return Decoder(holder, name)
    raise UserError(
        f"{type(model).__name__} keeps no list of its {count} decoder layers, so their activations "
        "cannot be read."
    )


def check_layer(model: CausalLM, layer: int) -> None:
    """Make sure that `model` has a decoder layer of that index, counted from 0.

    Raises:
        UserError: it has not, or see `find_decoder`.
    """
    depth = len(find_decoder(model).layers)
    if layer >= depth:
        raise UserError(
            f"``layer`` {layer}: {type(model).__name__} has {depth} decoder layers, 0 to "
            f"{depth - 1}."
        )


def layer_activations(
    run: Callable[..., object], model: CausalLM, batch: Batch, layer: int
) -> Float[Tensor, "rows time width"]:
    """Return the output of a decoder layer at every token; no layer beyond it is run.

    Args:
        run: what to call with the inputs: `model` itself, or what it is wrapped in (DDP).
        model: a transformers causal LM.
        batch: right-padded ids on the model's device.
        layer: index of the layer, from 0.
    """
    decoder = find_decoder(model)
    whole, made = decoder.layers, list[Tensor]()

    def note(_: nn.Module, inputs: object, output: Any) -> None:
        made.append(output[0] if isinstance(output, tuple) else output)

    hook = whole[layer].register_forward_hook(note)
    # The model's own code makes positions and masks, and calls the layers it finds. The pass ends
    # as usual, rather than by an exception, since DDP prepares the backward pass at its end.
    setattr(decoder.holder, decoder.name, whole[: layer + 1])
    ids = batch["input_ids"]
    try:
        with head_at_states(output_head(model), ids.shape, ids.new_empty(0)):
            run(input_ids=ids, use_cache=False)
    finally:
        setattr(decoder.holder, decoder.name, whole)
        hook.remove()
    return made[0]


@contextmanager
def training_only(model: CausalLM, layers: Iterable[int]) -> Iterator[None]:
    """Let nothing but some decoder layers of `model` require a gradient for the length of a block.

    What no gradient reaches takes no optimizer state either, and no backward pass goes below.
    """
    before = {parameter: parameter.requires_grad for parameter in model.parameters()}
    model.requires_grad_(False)
    decoder = find_decoder(model).layers
    for layer in layers:
        decoder[layer].requires_grad_(True)
    try:
        yield
    finally:
        for parameter, required in before.items():
            parameter.requires_grad_(required)
