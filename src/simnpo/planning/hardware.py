"""What this machine has: what some options need, how much memory, how fast it multiplies."""

import time

import psutil
import torch

from simnpo.config import LoraConfig, TrainingConfig
from simnpo.errors import UserError
from simnpo.models import device


def check_hardware(training: TrainingConfig, lora: LoraConfig) -> None:
    """Make sure that this machine can serve the options that need bitsandbytes.

    Raises:
        UserError: bitsandbytes is missing or too old, or there is no GPU.
    """
    if lora.load_in_4bit:
        _need_bitsandbytes("``load_in_4bit``")
    if training.optimizer != "adamw":
        _need_bitsandbytes(f"``optimizer={training.optimizer}``")


def has_four_bits() -> bool:
    """Return whether this machine can hold weights in 4 bits."""
    from transformers.utils import is_bitsandbytes_available

    return bool(is_bitsandbytes_available() and torch.cuda.is_available())


def _need_bitsandbytes(option: str) -> None:
    from transformers.utils import BITSANDBYTES_MIN_VERSION, is_bitsandbytes_available

    if not is_bitsandbytes_available():
        raise UserError(
            f"{option} needs bitsandbytes {BITSANDBYTES_MIN_VERSION} or newer: "
            f"pip install 'bitsandbytes>={BITSANDBYTES_MIN_VERSION}'"
        )
    if not torch.cuda.is_available():
        raise UserError(
            f"{option} needs a GPU that torch can use, and there is none here: leave it out."
        )


def device_memory() -> int:
    """Return the memory of the device that models run on, in bytes; without a GPU the machine's."""
    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    return machine_memory()


def machine_memory() -> int:
    """Return the machine's memory, in bytes."""
    return int(psutil.virtual_memory().total)


def matmul_rate(dtype: torch.dtype, seconds: float = 0.5) -> float:
    """Return the floating-point operations per second that the device sustains in products.

    Args:
        dtype: type of the matrices.
        seconds: how long to multiply, at least.
    """
    where = device()
    size = 1024 if where.type == "cpu" else 8192  # large enough that memory does not limit it
    matrix = torch.ones(size, size, dtype=dtype, device=where)
    float((matrix @ matrix)[0, 0])  # the first product also sets the libraries up
    products, started, elapsed = 0, time.monotonic(), 0.0
    while elapsed < seconds:
        result = matrix @ matrix
        float(result[0, 0])  # waits for the device
        products += 1
        elapsed = time.monotonic() - started
    return 2 * size**3 * products / elapsed
