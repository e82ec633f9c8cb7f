"""Checkpoints to resume from: found when whole, removed when a kill left them half-written."""

import json
import shutil
from pathlib import Path


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint in `folder`, removing newer ones that are not whole.

    transformers writes `trainer_state.json` last, and removes older checkpoints after that: a
    checkpoint with a readable state is whole.
    """
    for path in reversed(_checkpoints(folder)):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)
        else:
            return path
    return None


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
