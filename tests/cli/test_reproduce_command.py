"""`simnpo reproduce`: what it refuses, a dry run, and small runs end to end in this process."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from runs_here import change_code, execute_here
from small_mini import reduced_mini

from simnpo.errors import UserError
from simnpo.experiments import benchmark_setup as sites
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.model_runs import TrainedModel
from simnpo.experiments.run import DONE
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.scale import mini
from simnpo.paper.studies import ARTEFACTS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name an artefact, or all; --list shows them."),
        (["table7"], "the paper has no 'table7'; there are all, fig1b"),
        (["fig4", "--seeds", 0], "--seeds 0: must be from 1 to 100."),
        (["fig4", "--seeds", 101], "--seeds 101: must be from 1 to 100."),
        (["fig4", "--seed", -1], "--seed -1: must be 0 or more."),
        (["fig4", "--workers", 0], "--workers 0: must be at least 1."),
        (["fig4", "--model", "a/model"], "--model does nothing at the mini scale"),
        (["fig4", "--data-dir", "data"], "--data-dir does nothing at the mini scale"),
    ],
)
def test_what_is_refused(
    simnpo: Any, tmp_path: Path, arguments: Sequence[object], message: str
) -> None:
    for way in ([], ["--dry-run"]):
        done = simnpo("reproduce", *arguments, *way, "--out", tmp_path / "out")
        assert done.code == 1 and message in done.err and not done.out
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_folders_place(simnpo: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    done = simnpo("reproduce", "tableA4", "--seeds", 1, "--out", out)
    assert done.code == 1 and f"--out {out} is a file; give a folder." in done.err
    assert out.read_text() == "mine"


def test_the_list(simnpo: Any) -> None:
    done = simnpo("reproduce", "--list")
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == list(ARTEFACTS)
    assert "tableA4  WMDP" in lines


@pytest.fixture
def done_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Let runs be done in this process, on tiny models; return the titles of those begun."""
    made, told = reduced_mini(), list[str]()
    small = replace(mini(), tofu=BenchmarkSetup("mini-tofu", "forget01"))
    monkeypatch.setattr("simnpo.paper.scale.mini", lambda: small)
    monkeypatch.setattr(sites, "_load", lambda site: made.benchmark)
    monkeypatch.setattr(sites, "_load_mini", lambda site: made)
    monkeypatch.setattr("simnpo.experiments.pool.execute", partial(execute_here, told))
    monkeypatch.setattr(
        "simnpo.paper.studies.ARTEFACTS", {name: ARTEFACTS[name] for name in ("fig3d", "table1")}
    )
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    # One epoch of two methods is enough to see what the command does.
    preset = UnlearnRun.preset
    short = {"steps": None, "epochs": 1}

    def fewer(run: UnlearnRun) -> Any:
        whole = preset(run)
        return replace(whole, training=replace(whole.training, **short))

    monkeypatch.setattr(UnlearnRun, "preset", fewer)
    monkeypatch.setattr("simnpo.paper.studies.tofu_table.METHODS", ("npo", "simnpo"))
    return told


def test_a_dry_run_tells_all_and_does_nothing(
    simnpo: Any, done_here: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = simnpo("reproduce", "fig3d", "--seeds", 2, "--dry-run", "--out", out)
    assert done.code == 0
    lines = done.out.splitlines()
    assert len(lines) == 2 * (3 + 4) and all(line.startswith("to do") for line in lines)
    assert "NPO, mini-tofu forget01, seed 43" in done.out
    assert not out.exists() and done_here == [] and not (tmp_path / "cache").exists()


def test_runs_are_done_once_and_shared(
    simnpo: Any, done_here: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command = ["reproduce", "fig3d", "--seeds", 1, "--out", out]
    done = simnpo(*command)
    assert done.code == 0, done.err
    assert len(done_here) == 3 + 4  # what trains Original and Retrain, from one base, comes first
    for said in ("fig3d", "Claims: 1 ", f"Report: {out / 'report.html'}"):
        assert said in done.out
    page = (out / "report.html").read_text()
    assert ARTEFACTS["fig3d"] in page
    assert (out / "plots" / "fig3d-epochs.svg").is_file() and list(out.glob("*.md"))
    finished = sorted((out / "runs").glob(f"*/{DONE}"))
    assert len(finished) == 4
    cached = sorted((tmp_path / "cache").glob(f"*/*/{DONE}"))
    assert len(cached) == 3
    titles = {json.loads(path.read_text())["title"] for path in (*cached, *finished)}
    assert titles == set(done_here)
    before = {path: path.stat().st_mtime_ns for path in finished}

    done_here.clear()
    again = simnpo(*command)
    assert again.code == 0 and done_here == []
    assert {path: path.stat().st_mtime_ns for path in finished} == before
    dry = simnpo(*command, "--dry-run")
    assert all(line.startswith("finished") for line in dry.out.splitlines())
    assert simnpo(*command, "--explain-cache").out == dry.out

    change_code(monkeypatch)
    explained = simnpo(*command, "--explain-cache").out.splitlines()
    assert len(explained) == 3 + 4 and all(line.startswith("to do") for line in explained)
    assert all("code (simnpo.methods.npo)" in line for line in explained)
    accepted = simnpo(*command, "--accept-code")
    note = "7 results were computed by earlier code (--accept-code); simnpo.methods.npo differ."
    assert accepted.code == 0 and done_here == [] and note in accepted.out
    for report in ("report.html", "report.md"):
        assert note in (out / report).read_text()
    assert simnpo(*command, "--explain-cache").out.splitlines() == explained


def test_a_failed_run_spares_other_artefacts(
    simnpo: Any, done_here: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = TrainedModel.execute

    def fails(run: TrainedModel, home: Path) -> dict[str, Any]:
        if run.seed == 43:  # the noise floor's, which fig3d does without
            raise UserError("out of [memory].")
        return execute(run, home)

    monkeypatch.setattr(TrainedModel, "execute", fails)
    out = tmp_path / "out"
    done = simnpo("reproduce", "all", "--seeds", 1, "--out", out)
    why = "Retrain, mini-tofu forget01, seed 43 failed: out of [memory]."
    assert done.code == 1
    assert "1 run failed; the report shows what could be made." in done.err
    assert "failed: Retrain, mini-tofu forget01, seed 43: out of [memory]." in done.err
    assert "not made" in done.out and "Claims: 1 " in done.out
    page = (out / "report.html").read_text()
    assert why in page
    assert (out / "plots" / "fig3d-epochs.svg").is_file()
    assert not list((out / "plots").glob("table1*")) and not list((out / "tables").glob("table1*"))
