"""Checkpoints to resume from: found when whole, removed when a kill left them half-written."""

import json
import pickle
import shutil
from pathlib import Path

import torch

from simnpo.errors import UserError
from simnpo.files import check_regular

PICKLED = (".pt", ".pth", ".bin", ".pkl")
"""Endings of what torch and pickle write."""
NEVER_READ = "training_args.bin"
"""transformers writes it, and nobody reads it."""
WEIGHTS = ("pytorch_model.bin", "adapter_model.bin")


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint in `folder`, removing newer ones that are not whole.

    transformers writes `trainer_state.json` last, and removes older checkpoints after that: a
    checkpoint with a readable state is whole.
    """
    for path in reversed(_checkpoints(folder)):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            shutil.rmtree(path)
        else:
            return path
    return None


def check_checkpoint(folder: Path) -> None:
    """Make sure that nothing in a checkpoint runs code as it is read.

    transformers reads its states by torch's `weights_only`, as this does; only their outlines, the
    tensors stay on the disk. The weights themselves must be safetensors.

    Raises:
        UserError: a file of it holds more than tensors and numbers, or cannot be read.
    """
    from transformers.trainer_pt_utils import safe_globals

    for path in sorted(folder.iterdir()):
        if path.suffix not in PICKLED or path.name == NEVER_READ:
            continue
        advice = f"remove {folder} to continue from an earlier state, or start again (--overwrite)"
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
            said = " ".join(str(error).split())
            raise UserError(f"{path} cannot be read ({said:.200}): {advice}.") from None


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints in `folder`, once the trained model stands there."""
    for path in _checkpoints(folder):
        shutil.rmtree(path)


def _checkpoints(folder: Path) -> list[Path]:
    """Return transformers' checkpoints in `folder`, by step."""
    numbered = [path for path in folder.glob("checkpoint-*") if path.name[11:].isdecimal()]
    return sorted(
        (path for path in numbered if path.is_dir()), key=lambda path: int(path.name[11:])
    )
