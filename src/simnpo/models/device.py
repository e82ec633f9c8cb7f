"""Where models run and in which type, and transformers' own chatter."""

import warnings

import torch

from simnpo.config import Precision, resolve_precision


def quiet() -> None:
    """Keep transformers' own progress bars and notices off the terminal."""
    from transformers.utils import logging

    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.disable_progress_bar()
    logging.set_verbosity_error()


def device() -> torch.device:
    """Return the device that models run on: a GPU where there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def training_precision(precision: Precision, lora: bool) -> Precision:
    """Return what `auto` means in training on this machine, see `resolve_precision`."""
    return resolve_precision(precision, lora, torch.cuda.is_available())


def weights_dtype(precision: Precision) -> torch.dtype:
    """Return the type a model's weights are loaded in."""
    if precision == "auto":
        return torch.bfloat16 if torch.cuda.is_available() else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32
