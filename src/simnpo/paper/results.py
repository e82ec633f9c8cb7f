"""What finished runs left behind, as studies read it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pandas as pd

from simnpo.evaluation.evaluation import Evaluation, read_evaluation
from simnpo.evaluation.history import HISTORY, read_history
from simnpo.evaluation.metrics.forget_quality import ForgetQuality, forget_quality
from simnpo.evaluation.metrics.item_logprobs import item_logprobs
from simnpo.evaluation.metrics.truth_ratio import log_truth_ratio
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.model_runs import TrainedModel
from simnpo.experiments.run import Run
from simnpo.paper.scale import Scale
from simnpo.report.finding import Row, row
from simnpo.report.numbers import number
from simnpo.storage.files import read_table
from simnpo.training.gradient_weights import WEIGHTS
from simnpo.training.track_kl import DRIFT


@dataclass(frozen=True)
class Results:
    """The finished runs of a reproduction."""

    scale: Scale
    seeds: tuple[int, ...]
    home: Path
    """Folder of all runs."""

    def evaluation(self, run: Run) -> Evaluation:
        """Return a run's evaluation, by its summary's name.

        Raises:
            UserError: the run is not finished.
        """
        return self._evaluations(run)

    @cached_property
    def _evaluations(self) -> Callable[[Run], Evaluation]:
        known: dict[Run, Evaluation] = {}

        def read(run: Run) -> Evaluation:
            if run not in known:
                known[run] = read_evaluation(run.folder(self.home))
            return known[run]

        return read

    def metric(self, run: Run, key: str) -> float:
        """Return a metric of a run's evaluation; NaN where it has none."""
        return number(self.evaluation(run).summary["metrics"].get(key))

    def row(self, name: str, make: Callable[[int], Run], keys: Sequence[str]) -> Row:
        """Return a table's row: the metrics of a run at each seed."""
        runs = [make(seed) for seed in self.seeds]
        return row(name, {key: [self.metric(run, key) for run in runs] for key in keys})

    def history(self, run: Run) -> pd.DataFrame:
        """Return metrics by epoch, a column each, of a run that recorded its history."""
        return pd.DataFrame(read_history(run.folder(self.home) / HISTORY))

    def weights(self, run: Run) -> pd.DataFrame:
        """Return gradient weights, see `simnpo.training.gradient_weights.COLUMNS`."""
        return read_table(run.folder(self.home) / WEIGHTS)

    def drift(self, run: Run) -> pd.DataFrame:
        """Return KL over steps, see `simnpo.training.track_kl.COLUMNS`."""
        return read_table(run.folder(self.home) / DRIFT)

    def log_ratios(self, run: Run) -> "pd.Series[float]":
        """Return the log truth ratio (geometric) of each item of TOFU's forget set, by item."""
        items = item_logprobs(self.evaluation(run).tables.scores, "forget")
        return pd.Series(
            log_truth_ratio(items.perturbed, items.paraphrase, "geometric"), items.items
        )

    def slice_quality(self, run: Run, retrain: Run, items: Sequence[int]) -> ForgetQuality:
        """Return forget quality over a part of the forget set."""
        own, other = (self.log_ratios(one)[list(items)].to_numpy() for one in (run, retrain))
        return forget_quality(own, other)

    def noise_floor(self, site: BenchmarkSetup) -> list[ForgetQuality]:
        """Return what two Retrain models of neighbouring seeds get against each other."""
        runs = noise_runs(self.scale, site, self.seeds)
        ratios = [self.log_ratios(run).to_numpy() for run in runs]
        return [forget_quality(one, other) for one, other in pairwise(ratios)]

    def floor_note(self, site: BenchmarkSetup) -> str:
        """Say the noise floor of forget quality in a sentence."""
        found = self.noise_floor(site)
        listed = ", ".join(f"{one.p_value:.2f}" for one in found)
        return (
            f"Noise floor: Retrain models of neighbouring seeds get a forget quality of {listed} "
            f"against each other ({found[0].items} items); differences among values that high say "
            "nothing."
        )


def noise_runs(scale: Scale, site: BenchmarkSetup, seeds: Sequence[int]) -> list[TrainedModel]:
    """Return the Retrain models that the noise floor compares: each seed's and one more."""
    return [scale.retrain(site, seed) for seed in (*seeds, seeds[-1] + 1)]
