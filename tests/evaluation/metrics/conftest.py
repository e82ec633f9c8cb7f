"""Real TOFU logs, where a checkout of the data is at hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
from real_data import data_folder


@pytest.fixture(scope="session")
def official_log() -> Callable[[str], Path]:
    """Path of a published log by the split that its model was trained on, e.g. `retain90`."""

    def find(name: str) -> Path:
        return data_folder("tofu_official_logs") / f"{name}_llama_wd0.01.json"

    return find
