"""Checkpoints to resume from: found when whole, removed when a kill left them half-written."""

import json
import shutil
from pathlib import Path


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint in `folder`, removing newer ones that are not whole.

    transformers writes `trainer_state.json` last, and removes older checkpoints after that: a
    checkpoint with a readable state is whole.
    """
    found = sorted(
        (path for path in folder.glob("checkpoint-*") if path.is_dir()),
        key=lambda path: int(path.name.rpartition("-")[2]),
        reverse=True,
    )
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)
        else:
            return path
    return None


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints in `folder`, once the trained model stands there."""
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path)
