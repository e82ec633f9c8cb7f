"""The hub's data sets from a local folder: `datasets.load_dataset` as it answers for them."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest


def serve(
    monkeypatch: pytest.MonkeyPatch, name: str, folder: Path, split: str = "train"
) -> list[str]:
    """Let `load_dataset(name, config, split=split)` return the rows of `folder/config.json`.

    Other splits of a configuration are the files of a folder of its name.

    Returns:
        The configurations asked for (with other splits `config:split`), filled as they are.
    """
    asked: list[str] = []
    before = datasets.load_dataset

    def load(path: str, config: str | None = None, *, split: str | None = None) -> Any:
        if path != name:
            return before(path, config, split=split)
        whole, part = folder / f"{config}.json", folder / str(config) / f"{split}.json"
        if not (whole.is_file() or part.parent.is_dir()):  # as datasets says it
            raise ValueError(f"BuilderConfig {config!r} not found.")
        file = whole if split == usual else part
        if not file.is_file():
            raise ValueError(f"Unknown split {split!r}.")
        asked.append(str(config) if file == whole else f"{config}:{split}")
        return datasets.Dataset.from_list(_rows(file))

    usual = split
    monkeypatch.setattr(datasets, "load_dataset", load)
    return asked


def _rows(file: Path) -> list[dict[str, Any]]:
    text = file.read_text()
    records = json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines())
    # What the official folders hold as a list of texts has one column on the hub.
    return [{"text": one} if isinstance(one, str) else one for one in records]
