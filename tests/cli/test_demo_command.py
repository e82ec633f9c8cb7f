"""`simnpo demo` on a tiny model: what stays in --out when it fails, goes on, or begins anew."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from runs_here import execute_here
from small_mini import reduced_mini

from simnpo.errors import TrainingDiverged
from simnpo.experiments import benchmark_setup as sites
from simnpo.experiments import unlearn_run
from simnpo.experiments.reinforce import unlearn


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Let runs be done in this process, on tiny models; return the titles of those begun."""
    made, titles = reduced_mini(), list[str]()
    monkeypatch.setattr(sites, "_load", lambda site: made.benchmark)
    monkeypatch.setattr(sites, "_load_mini", lambda site: made)
    monkeypatch.setattr("simnpo.experiments.demo.execute", partial(execute_here, titles))
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    return titles


def test_a_method_that_fails_and_the_same_demo_again(
    simnpo: Any, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command = ["demo", "--split", "forget01", "--methods", "ga", "npo", "--out", out]

    def diverges(job: Any, *rest: Any, **options: Any) -> None:
        if job.method.title == "NPO":
            raise TrainingDiverged("the loss became nan at step 1.")
        unlearn(job, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unlearn_run, "unlearn", diverges)
        done = simnpo(*command)
    reason = "NPO, mini-tofu forget01, seed 42: training diverged: the loss became nan"
    assert done.code == 1 and reason in done.err
    assert "GA" in done.out and "NPO" not in done.out
    assert ">GA<" in (out / "report.html").read_text()
    assert json.loads((out / "run.json").read_text())["status"] == "running"
    assert len(told) == 7  # base, two models and their evaluations, two methods

    told.clear()
    assert "already holds results" in simnpo(*command).err
    done = simnpo(*command, "--resume")
    assert done.code == 0 and told == ["NPO, mini-tofu forget01, seed 42"], done.err
    assert "NPO" in done.out
    record = json.loads((out / "run.json").read_text())
    assert record["command"] == "demo" and record["status"] == "finished"
    assert (out / "npo" / "model" / "model.safetensors").is_file()
    assert json.loads((out / "npo" / "run.json").read_text())["config"]["method"] == "NPO"

    told.clear()
    (out / "npo" / "mine.txt").write_text("mine")
    command.remove("ga")
    done = simnpo(*command, "--overwrite")
    assert done.code == 0 and "NPO, mini-tofu forget01, seed 42" in told, done.err
    assert len(told) == 3  # what is in the cache stays there
    assert (out / "npo" / "mine.txt").read_text() == "mine"
    assert (out / "ga" / "model").is_dir()


def test_a_folder_that_is_not_a_demos_is_in_the_way(
    simnpo: Any, told: list[str], tmp_path: Path
) -> None:
    mine = tmp_path / "out" / "npo" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    done = simnpo("demo", "--methods", "npo", "--out", tmp_path / "out")
    assert done.code == 1 and "npo is in the way" in done.err
    assert mine.read_text() == "mine" and told == []
