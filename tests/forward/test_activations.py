"""The forward pass up to a layer, on several architectures, against transformers' own outputs."""

from typing import Any

import pytest
import tiny_models
import torch
from torch import nn

from simnpo.data.batching import pad
from simnpo.data.encoding import Encoded
from simnpo.errors import UserError
from simnpo.forward.activations import check_layer, find_decoder, layer_activations, training_only
from simnpo.training.reference import FrozenLayers

BATCH = pad([Encoded((0, 5, 9, 7, 30, 1), 2), Encoded((0, 11, 1), 1)])
NAMES = ["llama", "gpt2", "gemma2", "bloom", "lfm2", "falcon_h1"]


def make(name: str, make_llama: Any) -> Any:
    return make_llama() if name == "llama" else getattr(tiny_models, name)()


@pytest.mark.parametrize("name", NAMES)
def test_activations_are_the_hidden_states_after_the_layer(name: str, make_llama: Any) -> None:
    model = make(name, make_llama)
    ids = BATCH["input_ids"]
    whole = model(input_ids=ids, output_hidden_states=True, use_cache=False)
    found = layer_activations(model, model, BATCH, 0)
    torch.testing.assert_close(found, whole.hidden_states[1])
    again = model(input_ids=ids, use_cache=False)  # the model is as it was
    torch.testing.assert_close(again.logits, whole.logits)


@pytest.mark.parametrize("name", NAMES)
def test_no_layer_beyond_is_run_and_no_logits_are_made(name: str, make_llama: Any) -> None:
    model = make(name, make_llama)
    layers = find_decoder(model).layers
    assert len(layers) == 2
    ran: list[str] = []
    layers[1].register_forward_hook(lambda *_: ran.append("beyond"))
    logits: list[int] = []
    model.get_output_embeddings().register_forward_hook(
        lambda _, inputs, output: logits.append(output.numel())
    )
    layer_activations(model, model, BATCH, 0)
    assert ran == [] and sum(logits) == 0
    layer_activations(model, model, BATCH, 1)
    assert ran == ["beyond"]
    assert find_decoder(model).layers is layers


def test_a_failed_pass_leaves_the_model_whole(llama: Any) -> None:
    def fail(**inputs: Any) -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        layer_activations(fail, llama, BATCH, 0)
    assert len(find_decoder(llama).layers) == 2
    assert not llama.model.layers[0]._forward_hooks


def test_layers_beyond_the_models_depth_are_refused(llama: Any) -> None:
    check_layer(llama, 1)
    with pytest.raises(
        UserError, match=r"``layer`` 7: LlamaForCausalLM has 2 decoder layers, 0 to 1"
    ):
        check_layer(llama, 7)
    llama.config.num_hidden_layers = 3
    with pytest.raises(UserError, match="LlamaForCausalLM keeps no list of its 3 decoder layers"):
        find_decoder(llama)


def test_only_some_layers_are_trained_and_the_rest_is_as_before(make_llama: Any) -> None:
    model = make_llama(num_hidden_layers=4)
    model.model.norm.requires_grad_(False)
    with training_only(model, range(1, 3)):
        trained = {name for name, one in model.named_parameters() if one.requires_grad}
        layer_activations(model, model, BATCH, 2).sum().backward()
    assert trained == {
        name
        for name, _ in model.named_parameters()
        if name.startswith(("model.layers.1.", "model.layers.2."))
    }
    assert {name for name, one in model.named_parameters() if one.grad is not None} == trained
    frozen = {name for name, one in model.named_parameters() if not one.requires_grad}
    assert frozen == {"model.norm.weight"}


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2"])
def test_frozen_layers_are_the_original_again(name: str, make_llama: Any) -> None:
    model = make(name, make_llama)
    before = layer_activations(model, model, BATCH, 1).detach()
    frozen = FrozenLayers(model, range(2))
    optimizer = torch.optim.SGD(find_decoder(model).layers.parameters(), lr=0.1)
    now = layer_activations(model, model, BATCH, 1)
    now.square().mean().backward()
    optimizer.step()
    moved = layer_activations(model.train(), model, BATCH, 1)
    assert not torch.allclose(moved, before)
    found = frozen.activations(model, BATCH, 1)
    torch.testing.assert_close(found, before)  # in evaluation mode, without dropout
    assert not found.requires_grad and model.training
    torch.testing.assert_close(
        layer_activations(model.eval(), model, BATCH, 1), layer_activations(model, model, BATCH, 1)
    )
    kept = sum(one.numel() for one in frozen._weights.values())
    assert kept == sum(one.numel() for one in find_decoder(model).layers.parameters())
    assert isinstance(find_decoder(model).layers, nn.ModuleList)
