"""Real TOFU logs, where a checkout of the data is at hand."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
DATA = Path(os.environ.get("SIMNPO_TEST_DATA", HERE.parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def official_log() -> Callable[[str], Path]:
    """Path of a published log by the split that its model was trained on, e.g. `retain90`."""

    def find(name: str) -> Path:
        path = DATA / "tofu_official_logs" / f"{name}_llama_wd0.01.json"
        if not path.exists():
            pytest.skip(f"no {path.name} below {path.parent}; set SIMNPO_TEST_DATA to the data")
        return path

    return find
