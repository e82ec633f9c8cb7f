"""Which models are taken: causal LMs with full weights; all others are refused in a line."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import torch

from simnpo.errors import UserError
from simnpo.models.causal_lm import CausalLM, PreTrainedConfig
from simnpo.models.load_errors import cannot_load
from simnpo.models.places import pinned
from simnpo.models.sizes import check_sizes
from simnpo.system.distributed import is_sharded

OTHER_TASKS = (
    "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
    "ForMultipleChoice", "ForMaskedLM",
)  # fmt: skip
"""How classes end whose head is none of a language model that continues a text."""
TOLERANCE = {torch.float32: 1e-3}
"""How far a later token may seem to move the logits before it, as a share of the largest, by
rounding: in a mixture of experts it changes which rows are multiplied together."""
OTHERWISE = 3e-2


def read_config(model: str, trust_remote_code: bool = False) -> PreTrainedConfig:
    """Return the configuration of `model`, once it says that it is a causal LM of full weights.

    Raises:
        UserError: there is no such model, its configuration cannot be read, or it is of another
            kind.
    """
    from transformers import AutoConfig

    place, revision = pinned(model)
    try:
        config = AutoConfig.from_pretrained(
            place, revision=revision, trust_remote_code=trust_remote_code
        )
        _check_kind(config, trust_remote_code)
    except Exception as error:
        raise UserError(cannot_load("the configuration of", model, error)) from None
    check_sizes(model, config)
    return config


def _check_kind(config: PreTrainedConfig, trust_remote_code: bool) -> None:
    """Refuse what cannot be trained as a causal LM.

    Raises:
        UserError: the model is quantised, an encoder-decoder, or of another task.
    """
    if method := _quantised(config):
        raise UserError(
            f"it is quantised ({method}), and full weights are needed: give the model that it was "
            "made from; ``load_in_4bit`` holds that in 4 bits for LoRA."
        )
    name = next(iter(getattr(config, "architectures", None) or ()), type(config).__name__)
    if getattr(config, "is_encoder_decoder", False):
        raise UserError(f"it is an encoder-decoder ({name}), and a causal LM is needed.")
    if name.endswith(OTHER_TASKS) or not _is_known(config, trust_remote_code):
        raise UserError(f"{name} is not a causal LM of transformers, and one is needed.")


def _quantised(config: PreTrainedConfig) -> str:
    """Return the tool that quantised a model's weights, in its own name; nothing if none did."""
    for one in (config, config.get_text_config()):
        found = getattr(one, "quantization_config", None)
        if found:
            named = found if isinstance(found, Mapping) else vars(found)
            return str(named.get("quant_method") or "by an unknown tool")
    return ""


def _is_known(config: PreTrainedConfig, trust_remote_code: bool) -> bool:
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    remote = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    return type(config) in MODEL_FOR_CAUSAL_LM_MAPPING or (remote and trust_remote_code)


def auto_class(config: PreTrainedConfig) -> Any:
    """Return which of transformers' auto classes loads all of a causal LM.

    Of some models that see, the class for causal LMs is the text part alone, and what was loaded
    by it would be saved without its other parts.
    """
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
    )

    kind = type(config)
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING or kind not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return AutoModelForCausalLM
    text, whole = MODEL_FOR_CAUSAL_LM_MAPPING[kind], MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[kind]
    named = getattr(config, "architectures", None) or [whole.__name__]
    return AutoModelForCausalLM if text.__name__ in named else AutoModelForImageTextToText


_causal: set[tuple[type, str]] = set()
"""Classes with their configurations that were found to be causal in this process."""


@torch.no_grad()
def check_causal(model: CausalLM, name: str) -> None:
    """Make sure that a later token moves no logits before it.

    One forward pass of two rows of four tokens, once for each class and configuration: no list of
    classes would do, since many are made causal, or not, by their configuration. A model whose
    weights are split over processes is not asked.

    Raises:
        UserError: the model is not causal, or cannot be run on tokens alone.
    """
    key = (type(model), model.config.to_json_string())
    if key in _causal or is_sharded(model):
        return
    few = list(islice(_plain_tokens(model.config), 5))
    if len(few) < 5:  # a vocabulary for play
        return
    rows = torch.tensor([few[:4], [*few[:3], few[4]]], device=model.device)
    try:
        logits = model(input_ids=rows, use_cache=False).logits[:, :3].float()
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise UserError(cannot_load("and run the model", name, error)) from None
    off, most = (logits[0] - logits[1]).abs().max(), logits.abs().max()
    if off > TOLERANCE.get(model.dtype, OTHERWISE) * most:
        raise UserError(
            f"{name} is not a causal LM: in {type(model).__name__} a later token changes what is "
            "predicted before it, and a causal LM is needed."
        )
    _causal.add(key)


def _plain_tokens(config: PreTrainedConfig) -> Iterator[int]:
    """Yield token ids that stand for nothing special, such as an image."""
    special = {
        number
        for name, value in config.to_dict().items()
        if name.endswith(("_id", "_index"))
        for number in (value if isinstance(value, list) else [value])
        if isinstance(number, int)
    }
    vocabulary = config.get_text_config().vocab_size
    return (number for number in range(vocabulary) if number not in special)
