"""From an attack's runs to one table of metrics along steps."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from simnpo.errors import RESUME, TrainingDiverged, UserError
from simnpo.evaluation.evaluation import read_evaluation
from simnpo.evaluation.history import HISTORY, read_history
from simnpo.experiments import pool
from simnpo.experiments.attacks.base import Attack, Measured
from simnpo.experiments.external_model import ExternalModel
from simnpo.experiments.run import Run
from simnpo.report.curves import COLUMNS
from simnpo.report.endings import DIVERGED_WORDS
from simnpo.storage.json_values import Json
from simnpo.system.notes import note_once


def execute(
    attack: Attack, models: Sequence[ExternalModel], home: Path, at_once: int | None
) -> None:
    """Do the attack's runs that `home` does not hold.

    Raises:
        UserError: a run failed; the others, and what is finished, are kept.
        TrainingDiverged: it failed so.
        Interrupted: Ctrl-C; what is finished is kept.
    """
    wanted = [one.run for model in models for one in attack.runs(model)]
    _check(pool.execute(wanted, home, at_once, advice=RESUME))
    for run in wanted:
        for note in run.record(home).get("notes", ()):
            note_once(note)


def _check(failed: Mapping[Run, str]) -> None:
    for run, why in failed.items():
        if any(one in failed for one in run.needs):
            continue
        if why.startswith(DIVERGED_WORDS):
            raise TrainingDiverged(f"{run.title}: {why.removeprefix(DIVERGED_WORDS)}")
        raise UserError(f"{run.title}: {why}")


def curve_of(attack: Attack, models: Sequence[ExternalModel], home: Path) -> pd.DataFrame:
    """Return the metrics that finished runs have measured.

    Returns:
        A table with `simnpo.report.curves.COLUMNS`; step 0 is before the attack.
    """
    rows = [
        (model.name, one.series, one.run.seed, step, metric, value)
        for model in models
        for one in attack.runs(model)
        for step, metrics in _metrics(one, home)
        for metric, value in metrics.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": "float64"})


def _metrics(one: Measured, home: Path) -> Iterator[tuple[int, Mapping[str, Json]]]:
    """Yield steps, and the metrics at each."""
    folder = one.run.folder(home)
    if one.step is not None:
        yield one.step, read_evaluation(folder).summary["metrics"]
        return
    for row in read_history(folder / HISTORY):
        yield int(row.pop("epoch")), {key: row[key] for key in row if key != "seconds"}
