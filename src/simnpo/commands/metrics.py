"""`simnpo metrics`: metrics from tables or official logs alone, without a model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from simnpo.commands.options import OutputOptions, Unset
from simnpo.errors import UserError


@dataclass(frozen=True)
class Metrics:
    """Compute a benchmark's metrics from stored scores, without a model.

    Example: simnpo metrics tofu --scores eval_log_aggregated.json --out out
    """

    benchmark: Positional[Literal["tofu", "multiple_choice"]]
    """Whose metrics: mini-tofu's are tofu's; those of wmdp, mini-wmdp and of files of questions are
    multiple_choice."""
    scores: Path
    """An evaluation's folder, or an official TOFU eval_log_aggregated.json."""
    output: OutputOptions
    retain_scores: Unset[Path] = None
    """The same of a retain model, for forget quality."""
    aggregation: Literal["geometric", "arithmetic"] = "geometric"
    """How truth ratios combine the wrong answers."""
    name: Unset[str] = None
    """Name in tables and reports [that of the scores]."""

    def run(self) -> None:
        """Compute the metrics, print the table, and say where the results are."""
        from simnpo.commands.results import check_evaluation, show
        from simnpo.files import read_json
        from simnpo.metrics.suites import Question
        from simnpo.runs import clear
        from simnpo.scoring.evaluation import (
            FILES,
            SUMMARY,
            evaluation_folder,
            read_scores,
            score_files,
            write_evaluation,
        )
        from simnpo.scoring.summary import summarise

        retain_scores = str(self.retain_scores) if self.retain_scores else None
        wanted = {"scores": str(self.scores), "retain_scores": retain_scores}
        if self.benchmark == "tofu":
            wanted["truth_ratio_aggregation"] = self.aggregation
        elif retain_scores:
            raise UserError("--retain-scores does nothing here: accuracies need no retain model.")
        read = (*score_files(self.scores), *score_files(self.retain_scores))
        if not check_evaluation(self.output, wanted, *read):
            return
        tables = read_scores(self.scores)
        retain = read_scores(self.retain_scores) if self.retain_scores else None
        origin: dict[str, Any] = {"name": self.scores.stem, "benchmark": self.benchmark}
        origin["split"] = None
        controls: tuple[str, ...] = ()
        if self.scores.is_dir():
            stored = read_json(evaluation_folder(self.scores) / SUMMARY)
            kept = ("name", "benchmark", "split", "model", "run", "history", "seconds")
            origin |= {key: stored[key] for key in kept if key in stored}
            controls = tuple(stored.get("controls", ()))
        if self.name:
            origin["name"] = self.name
        origin |= {"scores": str(self.scores), "retain_scores": retain_scores}
        split = str(origin["split"]) if origin["split"] else None
        question = Question(tables, retain, self.aggregation, split, controls)
        summary = summarise(self.benchmark, question, **origin)
        clear(self.output.out, FILES)
        write_evaluation(self.output.out, summary, tables)
        show(self.output.out)
