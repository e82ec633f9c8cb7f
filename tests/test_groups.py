"""A group of tests whose need is missing: one line, or an error where it is demanded."""

import os
import subprocess
import sys
from pathlib import Path

import groups
import pytest

HERE = Path(__file__).parent


def run(folder: Path, required: str) -> subprocess.CompletedProcess[str]:
    for name in ("one", "two"):
        (folder / f"test_{name}.py").write_text(
            "import pytest\n\n@pytest.mark.real\n@pytest.mark.parametrize('n', [1, 2])\n"
            "def test_it(n): pass\n"
        )
    (folder / "conftest.py").write_text(
        "import groups, pytest\n"
        "def pytest_configure(config): groups.register(config)\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtest_setup(item): groups.skip_where_missing(item)\n"
    )
    (folder / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {HERE} {HERE.parent / 'benchmarks'}\naddopts = --strict-markers\n"
    )
    settings = {"SIMNPO_REQUIRE": required, "SIMNPO_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "."]
    environment = os.environ | settings
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_missing_groups(tmp_path: Path) -> None:
    done = run(tmp_path, "")
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert len(lines) == 1 and "[4]" in lines[0]
    assert lines[0].endswith("real model not there: run make real")


@pytest.mark.parametrize(
    ("required", "message"),
    [
        ("real", "run make real"),
        ("gguf, real", "run make real"),
        ("gemma", "run make real-gemma"),
        ("tokenizers", "published models not there: run make real"),
        ("reel", "choose from real"),
    ],
)
def test_demanded_groups(tmp_path: Path, required: str, message: str) -> None:
    done = run(tmp_path, required)
    assert done.returncode == 4 and message in done.stderr


def test_ci_demands_every_group_but_those_on_request() -> None:
    script = (HERE.parent / ".ci" / "run").read_text()
    demanded = script.partition("SIMNPO_REQUIRE=")[2].split()[0].split(",")
    due = [name for name, group in groups.GROUPS.items() if not group.on_request]
    assert sorted(demanded) == sorted(due)
    assert "gemma" not in due
