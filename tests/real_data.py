"""Where real benchmark data lies, for the tests that use it."""

import os
from pathlib import Path

import pytest


def data_folder(name: str) -> Path:
    """Return a folder of real benchmark data, or skip the test that asks for it."""
    root = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SIMNPO_TEST_DATA", root)) / name
    if not folder.is_dir():
        pytest.skip(f"real data missing: {folder} (set SIMNPO_TEST_DATA to the folder above it)")
    return folder
