"""What a model is compared with: the model before unlearning, its log-probs or itself, frozen."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from simnpo.data.batching import Batch, pad, token_budget_batches
from simnpo.data.encoding import Encoded
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError
from simnpo.forward.activations import check_layer, find_decoder, layer_activations
from simnpo.forward.logprobs import sum_logprobs
from simnpo.methods.method import Method
from simnpo.models.causal_lm import CausalLM
from simnpo.system.shared_rows import compute_rows
from simnpo.training.adapters import original

TOKENS_PER_BATCH = 8192


def reference_logps(model: CausalLM, encoded: Sequence[Encoded]) -> Float[Tensor, " n"]:
    """Return each answer's summed log-probability under `model`, in nats, on the CPU."""
    where = next(model.parameters()).device

    def compute(rows: list[int]) -> list[float]:
        batch = pad([encoded[row] for row in rows], device=where)
        logps: list[float] = sum_logprobs(model, batch).tolist()
        return logps

    batches = token_budget_batches([len(one.ids) for one in encoded], TOKENS_PER_BATCH)
    was_training = model.training
    model.eval()
    logps = compute_rows("Reference log-probs", model, batches, compute)
    model.train(was_training)
    return torch.tensor(logps)


class FrozenReference:
    """The original model at hand during training, for terms that need its distributions.

    With LoRA it is the model itself without its adapters; otherwise a copy in evaluation mode,
    taken now.

    Args:
        model: what is to be trained, not wrapped yet.
        offload: hold the copy's layers in host memory; each comes to the device to run.

    Raises:
        UserError: the layers to offload are unknown.
    """

    def __init__(self, model: CausalLM, offload: bool = False):
        self._adapted = model if hasattr(model, "disable_adapter") else None
        self._copy: CausalLM | None = None
        if self._adapted is None:
            self._copy = copy.deepcopy(model).eval().requires_grad_(False)
            if offload:
                _offload_layers(self._copy)

    @contextmanager
    def model(self) -> Iterator[CausalLM]:
        """Yield the original model, without gradients."""
        with torch.no_grad():
            if self._copy is not None:
                yield self._copy
                return
            assert self._adapted is not None
            with original(self._adapted):
                yield self._adapted


class FrozenLayers:
    """The original weights of the decoder layers that are trained.

    No other weight changes, so with these the model itself is the original again.
    """

    def __init__(self, model: CausalLM, layers: Iterable[int]):
        decoder = find_decoder(model).layers
        trained = {id(one) for layer in layers for one in decoder[layer].parameters()}
        self._weights = {
            name: parameter.detach().clone()
            for name, parameter in model.named_parameters()
            if id(parameter) in trained
        }

    @torch.no_grad()
    def activations(
        self, model: CausalLM, batch: Batch, layer: int
    ) -> Float[Tensor, "rows time width"]:
        """Return the original's activations, see `layer_activations`.

        Args:
            model: the model that is trained, not wrapped.
            batch: see `layer_activations`.
            layer: see `layer_activations`.
        """

        def original(**inputs: object) -> object:
            return functional_call(model, self._weights, (), inputs)

        was_training = model.training
        model.eval()
        try:
            return layer_activations(original, model, batch, layer)
        finally:
            model.train(was_training)


def check_trainable(method: Method, model: CausalLM, offload: bool) -> None:
    """Make sure, before it is measured, that a model is one that `method` can train.

    Args:
        method: how it is trained.
        model: a causal LM, without adapters.
        offload: see `FrozenReference`.

    Raises:
        UserError: see `check_layer` and `FrozenReference`.
    """
    if method.trained_layers is not None:
        check_layer(model, method.trained_layers[-1])
    if offload:
        _layers(model)


def check_reinforced(method: Method, model: CausalLM, reinforced: CausalLM | None) -> None:
    """Make sure that `method` has the reinforced model it compares with, if it does.

    Raises:
        UserError: there is none, or its vocabulary is not the model's.
    """
    if not method.needs_reinforced:
        return
    if reinforced is None:
        raise UserError(f"{method.title} needs a model that was over-fitted on the forget set.")
    _check_vocabulary("reinforced", model, reinforced)


def check_reference(method: Method, model: CausalLM, reference: CausalLM | None) -> None:
    """Make sure that a reference given to `method` is one it can compare with.

    Raises:
        UserError: the method takes no log-probs of a reference, or its vocabulary is not the
            model's.
    """
    if reference is None:
        return
    if not method.needs_reference_logps:
        raise UserError(f"{method.title} compares with no reference's log-probs; give none.")
    _check_vocabulary("reference", model, reference)


def check_same_tokens(tokenizer: Tokenizer, other: Tokenizer, reference: str) -> None:
    """Make sure that a reference reads token ids as the model does.

    Raises:
        UserError: its tokenizer, `other`, has another vocabulary.
    """
    if tokenizer.get_vocab() != other.get_vocab():
        raise UserError(
            f"``reference`` {reference} has another tokenizer than the model to unlearn from, so "
            "their log-probs do not compare: give a model of the same vocabulary."
        )


def _check_vocabulary(name: str, model: CausalLM, other: CausalLM) -> None:
    own, known = (one.get_input_embeddings().num_embeddings for one in (model, other))
    if own != known:
        raise UserError(
            f"the {name} model knows {known} tokens, and the model to unlearn from {own}: give one "
            "that was trained from it."
        )


def _offload_layers(model: CausalLM) -> None:
    """Move the layers' weights to host memory; each layer's visit the device while it runs.

    The LM head stays: a comparison reads its weights after the forward pass, a chunk at a time.
    """
    from accelerate import cpu_offload

    device = next(model.parameters()).device
    for layer in _layers(model):
        cpu_offload(layer, device, preload_module_classes=list(model._no_split_modules))


def _layers(model: CausalLM) -> list[nn.Module]:
    """Return the layers that can be offloaded.

    Raises:
        UserError: the model names none.
    """
    kinds = set(model._no_split_modules or ())
    layers = [one for one in model.modules() if type(one).__name__ in kinds]
    if not layers:
        raise UserError(
            f"``offload_reference``: {type(model).__name__} does not tell transformers what its "
            "layers are; leave it out."
        )
    return layers
