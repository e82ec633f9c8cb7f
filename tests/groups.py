"""Groups of tests that need what may be missing: skipped, or demanded by `SIMNPO_REQUIRE`.

A test joins with `@pytest.mark.real` or the like. Where what its group needs is missing, the whole
group skips for one reason, from one place, so pytest's summary has one line for it.
`SIMNPO_REQUIRE=real,optuna` makes a missing group an error instead, before any test runs. CI
demands all groups but those on request.
"""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import NamedTuple

import fetch_gemma
import fetch_model
import fetch_tokenizers
import pytest
from fetched_gguf import is_complete


class Group(NamedTuple):
    """Tests that need the same thing."""

    needs: str
    is_there: Callable[[], bool]
    missing: str
    """Why its tests skip, and how to have them run."""
    on_request: bool = False
    """Whether what it needs is fetched for whoever asks alone, as its terms must be accepted."""


GROUPS = {
    "real": Group(
        "the real model",
        lambda: is_complete(fetch_model.MODEL),
        "real model not there: run make real",
    ),
    "gemma": Group(
        "Gemma 3 270M",
        lambda: is_complete(fetch_gemma.MODEL),
        "Gemma 3 270M not there: run make real-gemma (Gemma terms of use)",
        on_request=True,
    ),
    "tokenizers": Group(
        "tokenizers of published models",
        fetch_tokenizers.is_complete,
        "tokenizers of published models not there: run make real",
    ),
    **{
        name: Group(package, lambda package=package: find_spec(package) is not None, missing)
        for name, package, missing in (
            ("lm_eval", "lm_eval", "lm-eval not there: pip install 'simnpo[lm-eval]'"),
            ("optuna", "optuna", "optuna not there: pip install 'simnpo[sweep]'"),
            ("gguf", "gguf", "gguf not there: pip install 'simnpo[gguf]'"),
            ("ray", "ray", "ray not there: pip install 'simnpo[ray]'"),
        )
    },
}


def register(config: pytest.Config) -> None:
    """Add the groups' markers, and check that every group which is demanded can run.

    Raises:
        pytest.UsageError: it cannot, or there is no such group.
    """
    for name, group in GROUPS.items():
        config.addinivalue_line("markers", f"{name}: needs {group.needs}")
    for name in _demanded():
        if name not in GROUPS:
            raise pytest.UsageError(f"SIMNPO_REQUIRE={name}: choose from {', '.join(GROUPS)}.")
        if not GROUPS[name].is_there():
            raise pytest.UsageError(f"SIMNPO_REQUIRE={name}: {GROUPS[name].missing}")


def skip_where_missing(item: pytest.Item) -> None:
    """Skip a test whose group cannot run."""
    for name, group in GROUPS.items():
        if item.get_closest_marker(name) and not group.is_there():
            pytest.skip(group.missing)


def _demanded() -> Iterator[str]:
    for name in os.environ.get("SIMNPO_REQUIRE", "").split(","):
        if name.strip():
            yield name.strip()
