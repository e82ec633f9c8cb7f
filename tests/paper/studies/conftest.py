"""Tests of studies ask for the same few runs again and again."""

from collections.abc import Iterator
from functools import cache

import pytest

from simnpo.paper.scale import Scale


@pytest.fixture(scope="module", autouse=True)
def runs_are_made_once() -> Iterator[None]:
    """Let equal runs be one object, which keeps its key: hashing data takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("original", "retrain", "unlearned"):
            patch.setattr(Scale, name, cache(getattr(Scale, name)))
        yield
