"""`simnpo metrics`: metrics from tables or official logs alone, without a model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from simnpo.cli.options import OutputOptions, Unset
from simnpo.errors import UserError


@dataclass(frozen=True)
class Metrics:
    """Compute a benchmark's metrics from stored scores, without a model.

    Example: simnpo metrics tofu --scores eval_log_aggregated.json --out out
    """

    benchmark: Positional[Literal["tofu", "muse", "multiple_choice"]]
    """Whose metrics: mini-tofu's are tofu's, mini-muse's are muse's; those of wmdp, mini-wmdp and
    files of questions are multiple_choice."""
    scores: Path
    """An evaluation's folder, or an official TOFU eval_log_aggregated.json."""
    output: OutputOptions
    retain_scores: Unset[Path] = None
    """The same of a retain model, for forget quality and PrivLeak."""
    reference_scores: Unset[Path] = None
    """The same of the model that the reference attack compares with [that of --retain-scores]."""
    aggregation: Literal["geometric", "arithmetic"] = "geometric"
    """How truth ratios combine the wrong answers."""
    name: Unset[str] = None
    """Name in tables and reports [that of the scores]."""
    explain: bool = False
    """Say at length what each column of the table is."""

    def run(self) -> None:
        """Compute the metrics, print the table, and say where the results are."""
        from simnpo.cli.results import check_evaluation, show
        from simnpo.evaluation.evaluation import (
            FILES,
            SUMMARY,
            evaluation_folder,
            read_scores,
            read_summary,
            score_files,
            write_evaluation,
        )
        from simnpo.evaluation.suites import SUITES
        from simnpo.evaluation.suites.base import SuiteInputs
        from simnpo.evaluation.summary import summarise
        from simnpo.storage.runs import clear

        others = {"retain_scores": self.retain_scores, "reference_scores": self.reference_scores}
        given = {name: str(path) if path else None for name, path in others.items()}
        wanted = {"scores": str(self.scores), **given}
        suite = SUITES[self.benchmark]
        if "truth_ratio_aggregation" in suite.settings:
            wanted["truth_ratio_aggregation"] = self.aggregation
        if not suite.compares_with_retrain and any(given.values()):
            raise UserError(
                "``retain_scores`` and ``reference_scores`` do nothing here: accuracies need no "
                "other model's."
            )
        read = [path for one in (self.scores, *others.values()) for path in score_files(one)]
        if not check_evaluation(self.output, wanted, *read):
            return
        tables = read_scores(self.scores)
        retain, reference = (read_scores(path) if path else None for path in others.values())
        origin: dict[str, object] = {"name": self.scores.stem, "benchmark": self.benchmark}
        origin["split"] = None
        utility_sets: tuple[str, ...] = ()
        if self.scores.is_dir():
            stored = read_summary(evaluation_folder(self.scores) / SUMMARY)
            kept = ("name", "benchmark", "split", "model", "run", "history", "seconds")
            origin |= {key: stored[key] for key in kept if key in stored}
            utility_sets = tuple(stored.get("utility_sets", ()))
        if self.name:
            origin["name"] = self.name
        origin |= {"scores": str(self.scores), **given}
        split = str(origin["split"]) if origin["split"] else None
        inputs = SuiteInputs(tables, retain, self.aggregation, split, reference, utility_sets)
        summary = summarise(self.benchmark, inputs, **origin)
        clear(self.output.out, FILES)
        write_evaluation(self.output.out, summary, tables)
        show(self.output.out, self.explain)
