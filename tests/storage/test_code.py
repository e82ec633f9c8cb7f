"""Hashes of code: what changes them, and which modules they are of."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simnpo.storage import code
from simnpo.storage.code import code_hashes

FILES = {
    "__init__.py": "",
    "runs.py": (
        "from typing import TYPE_CHECKING\n"
        "from simnpo.losses import registry\n"
        "from simnpo.report import page\n"
        "if TYPE_CHECKING:\n    from simnpo import shapes\n"
        "def execute():\n    from simnpo.numbers import mean\n    return mean\n"
    ),
    "shapes.py": "",
    "numbers.py": "def mean(values):\n    return sum(values) / len(values)\n",
    "losses/__init__.py": '"""Losses."""\n',
    "losses/registry.py": 'HOMES = {"a": "simnpo.losses.a:LOSS", "b": "simnpo.losses.b:LOSS"}\n',
    "losses/a.py": "LOSS = 1\n",
    "losses/b.py": "LOSS = 2\n",
    "report/__init__.py": "",
    "report/page.py": "from simnpo import shapes\n",
}


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the package be a few files."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    for one in (code.code_hashes, code._files, code._read):
        one.cache_clear()


def hashes(registered: frozenset[str] | None = None) -> dict[str, str]:
    _forget()
    return code_hashes("simnpo.runs", registered)


def test_what_computes_is_followed(made_up: Path) -> None:
    shared = {"simnpo.runs", "simnpo.numbers", "simnpo.losses", "simnpo.losses.registry"}
    assert set(hashes(frozenset())) == shared
    assert set(hashes(frozenset({"a"}))) == {*shared, "simnpo.losses.a"}
    assert set(hashes()) == {*shared, "simnpo.losses.a", "simnpo.losses.b"}


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("losses/a.py", '"""A loss."""\n\nLOSS = 1  # of eq. 2\n"""What is lost."""\n', set()),
        ("losses/a.py", "LOSS = 3\n", {"simnpo.losses.a"}),
        (
            "numbers.py",
            'def mean(values):\n    """Return it."""\n    return sum(values) / len(values)\n',
            set(),
        ),
        ("numbers.py", "def mean(values):\n    return sum(values)\n", {"simnpo.numbers"}),
        ("report/page.py", "WIDTH = 3\n", set()),
        ("shapes.py", "WIDTH = 3\n", set()),
    ],
)
def test_what_changes_them(made_up: Path, name: str, text: str, changed: set[str]) -> None:
    before = hashes()
    (made_up / name).write_text(text)
    after = hashes()
    assert {one for one in before if before[one] != after[one]} == changed


def test_the_code_of_an_unlearning() -> None:
    _forget()
    begun = time.process_time()
    found = code_hashes("simnpo.experiments.unlearn_run", frozenset({"npo", "mini-tofu"}))
    assert time.process_time() - begun < 3  # 0.4 s on a machine that has nothing else to do
    for name in ("methods.npo", "forward.logprobs", "training.trainer", "evaluation.score"):
        assert f"simnpo.{name}" in found
    rooms = {name.split(".")[1] for name in found}
    assert not rooms & {"cli", "report", "api", "paper"}
    for name in ("methods.simnpo", "experiments.run", "benchmarks.wmdp", "system.terminal"):
        assert f"simnpo.{name}" not in found
    every = code_hashes("simnpo.experiments.unlearn_run")
    assert {"simnpo.methods.simnpo", "simnpo.benchmarks.wmdp"} <= set(every)
    assert found.items() <= every.items()


def test_a_module_from_elsewhere_counts_with_what_it_imports() -> None:
    import made_up_runs

    found = code_hashes(made_up_runs.__name__)
    assert "made_up_runs.py" in found and "simnpo.storage.files" in found
