"""How `unlearn` measures a run on your own sets."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simnpo.cli.options import MaxItems
from simnpo.config import MEASURED_ROWS, check_range
from simnpo.errors import UserError
from simnpo.evaluation.metrics.verdict_rules import KEEP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simnpo.benchmarks.own import OwnSets
    from simnpo.experiments.own_run import OwnRun


@dataclass(frozen=True)
class ReportOptions:
    """Measurements before, during and after a run on --forget and --retain."""

    no_report: bool = False
    """Do not measure the model before, during and after the run: no verdict, no report."""
    until: Literal["target", "end"] = "target"
    """target stops the run once almost nothing comes out any more; end goes on to the last step."""
    keep: float = KEEP
    """Share of before that ROUGE-L on retain rows and general ability must keep."""
    no_scale_back: bool = False
    """Keep the weights as they were trained. Otherwise, once enough is forgotten, the run undoes as
    much of their change, attention first, as takes them furthest from all limits."""
    max_items: MaxItems = None

    def check(self) -> None:
        """Refuse values out of their range.

        Raises:
            UserError: naming the value.
        """
        if not 0 < self.keep <= 1:
            raise UserError(f"``keep`` {self.keep}: must be above 0 and at most 1.")
        check_range(1, max_items=self.max_items)

    def own_run(
        self, sets: "OwnSets", retain_scores: str | None, usual: "Mapping[str, object]"
    ) -> "OwnRun":
        """Return how a run on `sets` is measured."""
        from simnpo.experiments.own_run import OwnRun

        return OwnRun(
            sets,
            self.until,
            self.keep,
            not self.no_scale_back,
            self.max_items or MEASURED_ROWS,
            retain_scores=retain_scores,
            usual=usual,
        )
