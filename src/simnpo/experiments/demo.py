"""The main job from nothing: Original and Retrain, every method, every metric, the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from simnpo.errors import RESUME, UserError
from simnpo.evaluation.evaluation import Evaluation, read_evaluation
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.model_runs import TrainedModel
from simnpo.experiments.pool import execute
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import Record, UnlearnRun
from simnpo.report.page import write_report
from simnpo.storage.ownership import claim
from simnpo.storage.whole_folders import link_folder

RUNS = "runs"
"""Folder of all runs within a demo's."""


def demo_runs(
    site: BenchmarkSetup, methods: Sequence[str], seed: int = 42, evaluate_epochs: int = 0
) -> dict[str, Run]:
    """Return the runs of a demo, each under the name that its folder goes by.

    Args:
        site: an embedded benchmark.
        methods: in the order of the table.
        seed: seed of every random choice.
        evaluate_epochs: epochs between evaluations during unlearning; 0 has none.

    Returns:
        Original, Retrain, then the methods.

    Raises:
        UserError: an unknown method, two of one name, or see `UnlearnRun.check`.
    """
    original, retrain = (TrainedModel(seed, site, learnt) for learnt in ("all", "retain"))
    runs: dict[str, Run] = {"original": original, "retrain": retrain}
    records: tuple[Record, ...] = ("history",) if evaluate_epochs else ()
    for method in methods:
        run = UnlearnRun(
            seed,
            site,
            original,
            retrain,
            method,
            records=records,
            history_epochs=evaluate_epochs or 1,
            keeps_model=True,
        )
        run.check()
        name = run.name.lower().replace(" ", "-")
        if name in runs:
            raise UserError(f"``methods``: two models would be called {name}.")
        runs[name] = run
    return runs


def run_demo(
    runs: Mapping[str, Run], out: Path, title: str, command: str | None = None
) -> tuple[list[Evaluation], dict[Run, str]]:
    """Do what is missing of `runs`, and write the report into `out`.

    Each run's folder is in `out/runs`, by its content; one of its name in `out` leads there.

    Args:
        runs: see `demo_runs`.
        out: folder for the runs and the report.
        title: the report's title.
        command: what the report names as the command that made it.

    Returns:
        The evaluations of the runs that succeeded; the runs that failed, with the reason.

    Raises:
        Interrupted: Ctrl-C; what is finished is kept.
        UserError: Original or Retrain failed, or something else has a run's name in `out`.
    """
    claim(*(out / name for name in runs))  # before hours of work
    failed = execute(list(runs.values()), out / RUNS, advice=RESUME)
    for run in (runs["original"], runs["retrain"]):
        if run in failed:
            raise UserError(f"{run.title}: {failed[run]}")
    made = {name: run for name, run in runs.items() if run not in failed}
    for name, run in made.items():
        link_folder(out / name, run.folder(Path(RUNS)).as_posix())
    evaluations = [read_evaluation(out / name) for name in made]
    write_report(evaluations, out, title, command)
    return evaluations, failed
