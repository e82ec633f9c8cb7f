"""Loading whole weights from safetensors, each tensor accounted for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM
from simnpo.models.files import check_weights, first_dtype, weighed
from simnpo.models.kinds import auto_class, read_config
from simnpo.models.load_errors import cannot_load
from simnpo.models.places import pinned, resolve, split_revision
from simnpo.models.sizes import check_sizes
from simnpo.models.tensors import check_tensors, forget_unwrapping, unwrapped, unwrapping
from simnpo.system.notes import note_once

# transformers would ask a service to convert a hub repository's pickles, and read the result.
os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")


def load_whole(
    model: str,
    dtype: torch.dtype | None,
    trust_remote_code: bool = False,
    quantization_config: object = None,
    shapes_alone: bool = False,
) -> CausalLM:
    """Load a causal LM, no adapter, in evaluation mode, onto the CPU.

    Args:
        model: see `simnpo.models.places.resolve`.
        dtype: type of the weights; None is the one they are stored in.
        trust_remote_code: whether the model's own code may run.
        quantization_config: how to quantise the weights as they are read.
        shapes_alone: whether no weight is read: the model is on the meta device.

    Raises:
        UserError: there is no such model, it is not a causal LM, its weights are not safetensors,
            or their tensors are not the model's.
    """
    config = read_config(model, trust_remote_code)
    check_weights(model)
    check_sizes(model, config, weighed(model))
    stored = config.dtype or config.get_text_config().dtype or first_dtype(model)
    place, revision = pinned(model)
    reader = auto_class(config)
    options = {
        "config": config,
        "revision": revision,
        "dtype": dtype or "auto",
        "trust_remote_code": trust_remote_code,
        "use_safetensors": True,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # they are refused below, by name
    }
    if shapes_alone:
        options["device_map"] = "meta"
    if quantization_config is not None:
        # transformers then puts the weights on this process's GPU, by the number accelerate expects
        options["quantization_config"] = quantization_config
    try:
        with _report_unheard():
            loaded, info = reader.from_pretrained(place, **options)
            wrapped = [one for one in info["unexpected_keys"] if unwrapped(one) != one]
            if wrapped:
                loaded = None  # its memory is needed
                loaded, info = reader.from_pretrained(place, key_mapping=unwrapping(), **options)
                forget_unwrapping(loaded)
        if wrapped:
            note_once(
                f"Note: tensors of {model} have a wrapper's names, such as {min(wrapped)}; they "
                "are read, and will be saved, without."
            )
    except Exception as error:
        raise UserError(cannot_load("the model", model, error)) from None
    made: CausalLM = loaded
    check_tensors(info, made, model)
    _keep_untied(made, model)
    train_text_alone(made)
    made.stored_dtype = stored
    made.revision = split_revision(resolve(model))[1]
    return made


@contextmanager
def _report_unheard() -> Iterator[None]:
    """Keep transformers' report on tensors off the terminal: what matters of it is an error."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _keep_untied(loaded: CausalLM, model: str) -> None:
    """Let the configuration say so where a head that it calls tied has weights of its own."""
    config = loaded.config.get_text_config()
    if not (config.tie_word_embeddings or loaded.config.tie_word_embeddings):
        return
    head, embedding = loaded.get_output_embeddings(), loaded.get_input_embeddings()
    if head is None or head.weight is embedding.weight:
        return
    config.tie_word_embeddings = loaded.config.tie_word_embeddings = False
    note_once(
        f"Note: config.json of {model} says that the LM head is the embedding, and it has weights "
        "of its own: these are used, and the saved model says so."
    )


def train_text_alone(model: CausalLM) -> None:
    """Let every weight be trained; of a model that also sees or hears, those of its text part.

    The others are saved as they are.
    """
    frozen = {id(one) for one in other_parts(model)}
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.is_floating_point() and id(parameter) not in frozen)


def other_parts(model: CausalLM) -> list[torch.nn.Parameter]:
    """Return the weights of a model that are none of a language model's, such as a vision tower."""
    if model.config.get_text_config() is model.config:
        return []
    text = (model.get_decoder(), model.get_input_embeddings(), model.get_output_embeddings())
    own = {id(one) for part in text if part is not None for one in part.parameters()}
    return [one for one in model.parameters() if id(one) not in own]
