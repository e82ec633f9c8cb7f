"""The hub's data sets from a local folder: `datasets.load_dataset` as it answers for them."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest


def serve(monkeypatch: pytest.MonkeyPatch, name: str, folder: Path) -> list[str]:
    """Let `load_dataset(name, config)` return the rows of `folder/config.json`.

    Returns:
        The configurations asked for, filled as they are.
    """
    asked: list[str] = []

    def load(path: str, config: str | None = None, *, split: str | None = None) -> Any:
        assert path == name, f"{path} is not on this hub"
        file = folder / f"{config}.json"
        if not file.is_file():  # as datasets says it
            raise ValueError(f"BuilderConfig {config!r} not found.")
        if split != "train":
            raise ValueError(f"Unknown split {split!r}. Should be one of ['train'].")
        asked.append(str(config))
        rows = [json.loads(line) for line in file.read_text().splitlines() if line]
        return datasets.Dataset.from_list(rows)

    monkeypatch.setattr(datasets, "load_dataset", load)
    return asked
