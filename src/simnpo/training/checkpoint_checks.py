"""A checkpoint is what was written, and nothing in it runs code as it is read."""

import hashlib
import pickle
from pathlib import Path

import torch

from simnpo.errors import UserError
from simnpo.storage.file_checks import check_regular
from simnpo.storage.files import read_json, write_json

PICKLED = (".pt", ".pth", ".bin", ".pkl")
"""Endings of what torch and pickle write."""
NEVER_READ = "training_args.bin"
"""transformers writes it, and nobody reads it."""
WEIGHTS = ("pytorch_model.bin", "adapter_model.bin")


DIGESTS = "digests.json"
"""In a checkpoint: the SHA-256 of each of its small files."""
SMALL = 1 << 20
"""Bytes of a small file at most: what the run resumes from, other than tensors."""


def write_digests(folder: Path) -> None:
    """Write down what the small files of a checkpoint are."""
    write_json(folder / DIGESTS, _digests(folder))


def _digests(folder: Path) -> dict[str, str]:
    small = (path for path in sorted(folder.iterdir()) if path.is_file() and path.name != DIGESTS)
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in small
        if path.stat().st_size <= SMALL
    }


def check_checkpoint(folder: Path) -> None:
    """Make sure that a checkpoint is as it was written, and that nothing in it runs code.

    transformers reads its states by torch's `weights_only`, as this does; only their outlines, the
    tensors stay on the disk. The weights themselves must be safetensors.

    Raises:
        UserError: a small file has changed, or a file holds more than tensors and numbers or
            cannot be read.
    """
    from transformers.trainer_pt_utils import safe_globals

    advice = f"remove {folder} to continue from an earlier state, or start again (``overwrite``)"
    if (folder / DIGESTS).is_file():  # earlier versions wrote none
        written, found = read_json(folder / DIGESTS), _digests(folder)
        if not isinstance(written, dict):
            written = {DIGESTS: written}
        for name in written:
            if found.get(name) != written[name]:
                raise UserError(f"{folder / name} is not as it was written: {advice}.")
    for path in sorted(folder.iterdir()):
        if path.suffix not in PICKLED or path.name == NEVER_READ:
            continue
        if path.name in WEIGHTS:
            raise UserError(f"{path} is a pickle, which may run code as it is read: {advice}.")
        check_regular(path)
        try:
            with safe_globals():
                torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except pickle.UnpicklingError:
            raise UserError(
                f"{path} holds more than tensors and numbers, and may run code as it is read: "
                f"{advice}."
            ) from None
        except Exception as error:  # torch raises many kinds; all mean the same to a user
            reason = " ".join(str(error).split())
            raise UserError(f"{path} cannot be read ({reason:.200}): {advice}.") from None
