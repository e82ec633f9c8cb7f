"""`simnpo markov` as a user runs it, on a reduced study."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from runs_here import execute_here

import simnpo.paper.markov.study  # noqa: F401  before the fixture: its signatures name the real Size
from simnpo.errors import UserError
from simnpo.paper.markov import panels
from simnpo.paper.markov.panels import Size


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Reduce the study, and let its runs be done here; return the titles of those begun."""
    small, begun = Size(retain=60, forget=30, epochs=1, iterations=2), list[str]()
    monkeypatch.setattr(panels, "Size", lambda: small)
    monkeypatch.setattr("simnpo.experiments.pool.execute", partial(execute_here, begun))
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    return begun


def test_from_nothing_to_the_report(simnpo: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["markov", "--panel", "short", "--seeds", 2, "--methods", "npo", "simnpo"]
    done = simnpo(*command, "--out", out)
    assert done.code == 0, done.err
    assert "Claim, short" in done.out and "Report:" in done.out
    summary = json.loads((out / "summary.json").read_text())
    assert summary["seeds"] == [42, 43] and summary["claims"][0]["difference"]["seeds"] == 2
    assert len(pd.read_parquet(out / "paths.parquet")) == 2 * (2 + 2 * 3)
    assert not (out / "runs").exists()
    again = simnpo(*command, "--out", out)
    assert again.code == 1 and "--overwrite" in again.err
    again = simnpo(*command, "--out", out, "--resume")
    assert again.code == 0 and "Nothing to do" in again.out
    again = simnpo(*command[:-1], "--out", out, "--resume")
    assert again.code == 1 and "methods was" in again.err
    before = (out / "paths.parquet").read_bytes()
    assert simnpo(*command, "--out", out, "--overwrite").code == 0
    assert (out / "paths.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", 0], "--seeds 0: must be from 1"),
        (["--seed", -1], "--seed -1: must be from 0"),
        (["--methods", "rmu"], "rmu is not one of npo, simnpo"),
        (["--methods", "npo", "npo"], "npo is named twice"),
        (["--methods", "ga", "--grid"], "--grid searches beta of npo and simnpo"),
        (["--methods"], "name at least one"),
        (["--resume"], "holds no run"),
        (["--resume", "--overwrite"], "contradict"),
    ],
)
def test_mistakes(simnpo: Any, tmp_path: Path, options: list[Any], message: str) -> None:
    done = simnpo("markov", *options, "--out", tmp_path / "out")
    assert done.code == 1 and message in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (UserError("no luck."), 1)])
def test_an_unfinished_study_says_how_to_go_on(
    simnpo: Any,
    tmp_path: Path,
    begun: list[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Any,
    code: int,
) -> None:
    def stop(*_: Any) -> None:
        raise error

    out = tmp_path / "out"
    command = ["markov", "--panel", "short", "--seeds", 1, "--methods", "npo", "--out", out]
    with monkeypatch.context() as patched:
        patched.setattr("simnpo.paper.markov.training.unlearn", stop)
        stopped = simnpo(*command)
    assert stopped.code == code and "--resume" in stopped.err
    assert code == 130 or "NPO, beta 0.2, Markov chains, panel short, seed 42 failed: no luck;" in (
        stopped.err
    )
    assert not (out / "report.html").exists()
    before = list(begun)
    done = simnpo(*command, "--resume")
    assert done.code == 0, done.err
    assert not any(title.startswith("Original") for title in begun[len(before) :])
    assert not (out / "runs").exists()
