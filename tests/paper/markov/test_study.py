"""A reduced study, end to end: the same tables whatever is cached, resumed or parallel."""

import shutil
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from runs_here import execute_here

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.experiments import pool
from simnpo.paper.markov import runs
from simnpo.paper.markov.panels import Size
from simnpo.paper.markov.printed import print_results
from simnpo.paper.markov.report import FILES, write_study
from simnpo.paper.markov.results import COLUMNS as SHOWN
from simnpo.paper.markov.results import Results, Row
from simnpo.paper.markov.runs import COLUMNS
from simnpo.paper.markov.study import Study

SIZE = Size(retain=60, forget=30, epochs=1, iterations=3)
STUDY = Study(("short", "unseen"), (1, 2), (("npo", None), ("simnpo", None), ("ga", None)), SIZE)


def run_study(study: Study, home: Path, cache: Path, workers: int = 0) -> pd.DataFrame:
    """Return a study's paths; without workers its runs are done in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SIMNPO_CACHE", str(cache))
        if workers:
            assert pool.execute(study.runs(), home, workers) == {}
        else:
            assert execute_here([], study.runs(), home, 1) == {}
    return study.paths(home)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("markov")
    return folder, run_study(STUDY, folder / "runs", folder / "cache")


def test_every_run_is_there(done: tuple[Path, pd.DataFrame]) -> None:
    _, paths = done
    assert list(paths.columns) == list(COLUMNS)
    counts = paths.groupby(["panel", "seed", "method"]).size()
    assert counts.unstack().to_dict("index") == {
        (panel, seed): {"ga": 4, "npo": 4, "simnpo": 4, "original": 1, "retrain": 1}
        for panel in ("short", "unseen")
        for seed in (1, 2)
    }
    assert set(paths.loc[paths["method"] == "npo", "beta"]) == {0.2, 1.0}
    assert set(paths.loc[paths["method"] == "simnpo", "beta"]) == {4.0}
    assert (paths[["retain", "forget1", "forget2"]] > 0).all(axis=None)
    starts = paths[paths["iteration"] == 0].drop(columns=["beta"])
    for _, own in starts[starts["method"] != "retrain"].groupby(["panel", "seed"]):
        assert own["retain"].nunique() == 1  # all begin at the original model
    retrained = starts[starts["method"] == "retrain"].groupby("seed")["retain"].nunique()
    assert (retrained == 1).all()  # one model for both panels


def test_same_seed_same_tables_whatever_the_workers(
    done: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    again = run_study(STUDY, tmp_path / "runs", tmp_path / "cache", workers=2)
    pd.testing.assert_frame_equal(again, done[1], check_exact=True)


def test_models_and_finished_runs_are_found_again(
    done: tuple[Path, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is trained twice; and only the runs that a kill left undone are done."""
    folder, paths = done
    asked: list[str] = []
    original = runs.training.unlearn

    def watched(model: object, method: object, *rest: object) -> object:
        asked.append(method.title)  # type: ignore[attr-defined]
        return original(model, method, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(runs.training, "pretrain", None)
    monkeypatch.setattr(runs.training, "unlearn", watched)
    home = tmp_path / "runs"
    shutil.copytree(folder / "runs", home)
    (undone,) = home.glob("ga-markov-chains-panel-unseen-seed-2-*")
    shutil.rmtree(undone)
    again = run_study(STUDY, home, folder / "cache")
    pd.testing.assert_frame_equal(again, paths, check_exact=True)
    assert asked == ["GA"]


def test_other_settings_train_other_models(done: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    folder, paths = done
    longer = Study(("short",), (1,), (), Size(retain=60, forget=30, epochs=2, iterations=3))
    other = run_study(longer, tmp_path / "runs", folder / "cache")
    same = paths[(paths["panel"] == "short") & (paths["seed"] == 1)]
    for method in ("original", "retrain"):
        one = other.loc[other["method"] == method, "forget1"].item()
        assert one != same.loc[same["method"] == method, "forget1"].item()


def test_a_failing_run_ends_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(runs, "save_model", fail)
    with pytest.raises(OSError, match="disk is full"):
        run_study(STUDY, tmp_path / "runs", tmp_path / "cache")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_report(done: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    found = write_study(done[1], STUDY, tmp_path, "simnpo markov", 1.0)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert all(any(fnmatch(name, pattern) for pattern in FILES) for name in names)
    assert {"plots/fig5-paths.svg", "plots/fig5-curves.svg", "tables/fig5-short.csv"} <= names
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "mathdefault" not in page  # mathematical text that only matplotlib can set
    # A panel's table and one of each seed, and the claims.
    assert page.count("<table") == 5 and "Forget2 was never learnt" in page
    assert page.count("<summary>Forget2 was never learnt, each seed</summary>") == 1
    assert "each at home in three of ten states" in page
    assert [row.name for row in found.tables["short"]] == [
        *("Original", "Retrain", "NPO", "SimNPO", "GA"),
    ]
    assert {claim.panel for claim in found.claims} == {"short", "unseen"}
    assert not any(found.grid.values())
    for panel, each in found.each_seed.items():  # every method at every seed
        assert [(run.method, run.seed) for run in each] == [
            (method, seed) for seed in (1, 2) for method in ("npo", "simnpo", "ga")
        ]
        means = {row.name: row.values_of["final_forget2"].mean for row in found.tables[panel]}
        npo = [run.final_forget2 for run in each if run.method == "npo"]
        assert means["NPO"] == pytest.approx(sum(npo) / 2)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "paths.parquet"), done[1])
    first = (tmp_path / "plots/fig5-paths.svg").read_bytes()
    write_study(done[1], STUDY, tmp_path, "simnpo markov", 1.0)
    assert (tmp_path / "plots/fig5-paths.svg").read_bytes() == first


def test_report_of_a_grid(done: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    folder, _ = done
    grid = Study(("short",), (1,), (("simnpo", None), ("simnpo", 4.0), ("simnpo", 8.0)), SIZE)
    paths = run_study(grid, tmp_path / "runs", folder / "cache")
    assert sorted(set(paths["beta"].dropna())) == [4, 8]  # the paper's beta once
    found = write_study(paths, grid, tmp_path, "simnpo markov", 1.0)
    assert [row.beta for row in found.tables["short"]][2:] == [4]
    assert [row.beta for row in found.grid["short"]] == [4, 8]
    assert "Grid of betas" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_printed_table_fits_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Even where every mean and interval is above 1."""
    wide = {column.key: Interval(2.773, 1.692, 3.854, 5) for column in SHOWN}
    row = Row("Weighted-GradDiff", 0.25, wide)
    print_results(Results([], {"short": [row]}, {"short": []}, {"short": []}), Console(width=100))
    assert capsys.readouterr().out.count("2.773±1.081") == len(SHOWN)
