"""Models and tokenizers: found, loaded and checked, merged, converted, saved."""

from simnpo.models.device import device, quiet, training_precision, weights_dtype
from simnpo.models.files import is_adapter
from simnpo.models.load_errors import cannot_load
from simnpo.models.loading import load_model, load_tokenizer, longest_sequence
from simnpo.models.places import (
    ADAPTER,
    MODEL_FOLDER,
    at_revision,
    commit_of,
    file_of,
    hub_id_mistake,
    resolve,
    split_revision,
)
from simnpo.models.saving import save_model

__all__ = [
    "ADAPTER",
    "MODEL_FOLDER",
    "at_revision",
    "cannot_load",
    "commit_of",
    "device",
    "file_of",
    "hub_id_mistake",
    "is_adapter",
    "load_model",
    "load_tokenizer",
    "longest_sequence",
    "quiet",
    "resolve",
    "save_model",
    "split_revision",
    "training_precision",
    "weights_dtype",
]
