"""What an attack is measured on: a benchmark, or a user's own sets."""

from dataclasses import dataclass, replace
from functools import lru_cache

import pandas as pd

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.own import FORGET, own_benchmark
from simnpo.config import Precision
from simnpo.data.examples import Example
from simnpo.evaluation import suites
from simnpo.evaluation.suites.display import SuiteDisplay
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.own_setup import OwnSetup


@dataclass(frozen=True)
class AttackSetup(BenchmarkSetup):
    """Data, and how models are asked."""

    own: OwnSetup | None = None
    """A user's own sets, instead of a benchmark."""
    scores_only: bool = False
    """Whether no answers are generated."""
    max_length: int | None = None
    """Tokens of a sequence at most; None takes the benchmark's."""
    measured_in: Precision = "auto"

    @property
    def precision(self) -> Precision:
        """What models are measured in."""
        return self.measured_in

    @property
    def named(self) -> str:
        """What a page calls the data."""
        return "Benchmark" if self.own is None else "Data"

    @property
    def measured(self) -> str:
        """The subject of a sentence on what is measured, with its verb."""
        return "The benchmark is" if self.own is None else "Your sets are"

    def asked(self) -> list[object]:
        """Return how models are asked."""
        return [*super().asked(), self.trust_remote_code]

    def load(self) -> Benchmark:
        """Return the sets; each process reads them once, whatever the precision.

        Raises:
            UserError: see `simnpo.benchmarks.load_benchmark` and `OwnFiles.read`.
        """
        return _load(replace(self, measured_in="auto"))

    def plain(self) -> Benchmark:
        """Return the sets as the benchmark or the user has them."""
        if self.own is None:
            return super().load()
        benchmark = self.own.load()
        if benchmark.forget[0].question is not None:
            return benchmark
        # A share of one long text is a share of its passages.
        passages = own_benchmark(self.own.own_sets(), self.own.encoder()).evaluation[FORGET].items
        return replace(benchmark, forget=tuple(Example(None, one.answer) for one in passages))

    def display(self, curve: pd.DataFrame) -> SuiteDisplay:
        """Return how the metrics of `curve` are shown."""
        benchmark = self.load()
        metrics = list(curve["metric"].unique())
        return suites.display(benchmark.suite, list(benchmark.evaluation), metrics)


@lru_cache(maxsize=2)
def _load(setup: AttackSetup) -> Benchmark:
    benchmark = setup.plain()
    if setup.max_length is not None:
        benchmark = replace(benchmark, max_length=setup.max_length)
    if not setup.scores_only:
        return benchmark
    evaluation = {
        name: replace(asked, max_new_tokens=0) for name, asked in benchmark.evaluation.items()
    }
    return replace(benchmark, evaluation=evaluation)
