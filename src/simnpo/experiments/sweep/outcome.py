"""What a sweep found: metrics of each setting and seed, the front, and the setting to take."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from simnpo.evaluation.evaluation import Evaluation, read_evaluation
from simnpo.evaluation.metrics.intervals import Interval, interval
from simnpo.evaluation.suites import display_of
from simnpo.evaluation.suites.display import SuiteDisplay
from simnpo.experiments.run import Run
from simnpo.experiments.sweep.pareto import pareto_front, score_of, select_setting
from simnpo.experiments.sweep.runs import Trials
from simnpo.experiments.sweep.settings import Setting
from simnpo.report.numbers import number


@dataclass(frozen=True)
class Outcome:
    """The finished runs of a sweep."""

    trials: Trials
    settings: tuple[Setting, ...]
    """In the order in which they were tried."""
    home: Path
    """Folder of all runs."""
    failed: Mapping[Run, str]
    """Runs that failed, with the reason, such as a loss that became NaN."""

    @cached_property
    def original(self) -> list[Evaluation]:
        """Evaluations of the model before unlearning, by seed (one of a model that was given)."""
        runs = dict.fromkeys(self.trials.original(seed) for seed in self.trials.seeds)
        return [read_evaluation(run.folder(self.home)) for run in runs]

    @cached_property
    def retrain(self) -> list[Evaluation]:
        """Evaluations of the retain model, likewise; none where there is none."""
        runs = dict.fromkeys(self.trials.retrain(seed) for seed in self.trials.seeds)
        return [read_evaluation(run.folder(self.home)) for run in runs if run]

    @cached_property
    def view(self) -> SuiteDisplay:
        """How the benchmark's metrics are shown."""
        return display_of(self.original)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per setting and seed: the settings, the seed, every metric, and `error`.

        Metrics are NaN where a run failed; `error` then says why, and is empty otherwise.
        """
        rows = []
        for setting in self.settings:
            for seed in self.trials.seeds:
                run = self.trials.unlearned(setting, seed)
                error, metrics = self.failed.get(run, ""), {}
                if not error:
                    found = read_evaluation(run.folder(self.home)).summary["metrics"]
                    metrics = {key: number(value) for key, value in found.items()}
                rows.append({**dict(setting), "seed": seed, "error": error, **metrics})
        return pd.DataFrame(rows)

    def values(self, key: str) -> list[Interval]:
        """Return a metric's mean over seeds, with its interval, of each setting."""
        table, seeds = self.table, len(self.trials.seeds)
        column = list(table[key]) if key in table else [math.nan] * len(table)
        return [
            interval(column[place * seeds : (place + 1) * seeds])
            for place in range(len(self.settings))
        ]

    def reference(self, evaluations: Sequence[Evaluation], key: str) -> float:
        """Return the mean of a metric over evaluations; NaN where there are none."""
        return interval([number(one.summary["metrics"].get(key)) for one in evaluations]).mean

    @cached_property
    def front(self) -> "np.ndarray":
        """Tell of each setting whether no other beats it, see `pareto_front`."""
        return pareto_front(*self._judged())

    @cached_property
    def pick(self) -> int | None:
        """The place of the setting to take, see `select_setting`."""
        return select_setting(
            *self._judged(), self.reference(self.original, self.view.kept.key), self.view.keep
        )

    def judged(self) -> list[tuple[float, float]]:
        """Return for each setting what was forgotten and what was kept: higher is better."""
        forgotten, kept = self._judged()
        return list(zip(forgotten.tolist(), kept.tolist(), strict=True))

    def needed(self) -> list[Run]:
        """Return the runs of the models that every setting starts from or is held against."""
        seeds = self.trials.seeds
        runs = [
            made(seed) for made in (self.trials.retrain, self.trials.original) for seed in seeds
        ]
        return [run for run in runs if run is not None]

    def _judged(self) -> "tuple[np.ndarray, np.ndarray]":
        """Return means so that higher is better: of what was forgotten, and of what was kept."""
        forgotten, kept = (
            np.array([score_of(axis, one.mean) for one in self.values(axis.key)])
            for axis in (self.view.forgotten, self.view.kept)
        )
        return forgotten, kept
