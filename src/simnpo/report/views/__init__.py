"""One view per suite of metrics: the only list of them."""

from collections.abc import Callable, Mapping, Sequence

from simnpo.report.views.base import View
from simnpo.report.views.multiple_choice import multiple_choice_view
from simnpo.report.views.tofu import VIEW as TOFU
from simnpo.scoring.evaluation import Evaluation

VIEWS: Mapping[str, Callable[[Sequence[Evaluation]], View]] = {
    "tofu": lambda _: TOFU,
    "multiple_choice": multiple_choice_view,
}
"""By a key of `simnpo.metrics.suites.SUITES`: how evaluations measured by it are shown."""


def view_of(evaluations: Sequence[Evaluation]) -> View:
    """Return how these evaluations, all of one suite, are shown."""
    return VIEWS[suite_of(evaluations[0])](evaluations)


def suite_of(evaluation: Evaluation) -> str:
    """Return what an evaluation was measured by."""
    return str(evaluation.summary.get("suite", "tofu"))
