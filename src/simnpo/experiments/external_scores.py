"""What a user brings: the evaluation of a retain model, as a run that others need."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simnpo.evaluation.evaluation import EVALUATION, read_scores, score_files, write_evaluation
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.summary import summarise
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.run import Run


@dataclass(frozen=True)
class ExternalScores(Run):
    """A retain model by its evaluation's folder, or an official TOFU log, measured on a benchmark.

    The seed says nothing here.
    """

    site: BenchmarkSetup
    scores: str

    @property
    def title(self) -> str:
        """The benchmark."""
        return f"Retrain as given, {self.site.name}"

    @property
    def is_retrain(self) -> bool:
        """They are Retrain's."""
        return True

    @property
    def needs(self) -> tuple[Run, ...]:
        """Nothing."""
        return ()

    @property
    def registered(self) -> frozenset[str]:
        """The benchmark."""
        return frozenset({self.site.benchmark})

    def depends_on(self) -> Mapping[str, object]:
        """Return the content of the files, wherever they lie."""
        source = Path(self.scores)
        read_scores(source)  # says what is wrong with them
        hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in score_files(source)]
        return {"settings": {"benchmark": self.site.name}, "data": {"scores": hashes}}

    def execute(self, home: Path) -> dict[str, object]:
        """Keep the tables, and measure them as a retain model's."""
        benchmark, tables = self.site.load(), read_scores(Path(self.scores))
        summary = summarise(
            benchmark.suite,
            SuiteInputs(tables, tables, split=benchmark.split, utility_sets=benchmark.utility_sets),
            name="Retrain",
            model=self.scores,
            benchmark=benchmark.name,
            split=benchmark.split,
        )
        write_evaluation(self.folder(home) / EVALUATION, summary, tables)
        return {}
