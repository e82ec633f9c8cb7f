"""One view per suite of metrics: the only list of them."""

from collections.abc import Callable, Mapping, Sequence

from simnpo.evaluation.evaluation import Evaluation
from simnpo.report.views.base import View
from simnpo.report.views.multiple_choice import multiple_choice_view
from simnpo.report.views.muse import VIEW as MUSE
from simnpo.report.views.own import own_view
from simnpo.report.views.tofu import VIEW as TOFU

VIEWS: Mapping[str, Callable[[Sequence[str], Sequence[str]], View]] = {
    "tofu": lambda *_: TOFU,
    "muse": lambda *_: MUSE,
    "multiple_choice": lambda sets, _: multiple_choice_view(sets),
    "own": own_view,
}
"""By a key of `simnpo.evaluation.metrics.suites.SUITES`: given the evaluation sets and the metrics,
how they are shown."""


def view_of(evaluations: Sequence[Evaluation]) -> View:
    """Return how these evaluations, all of one suite, are shown."""
    sets = [name for one in evaluations for name in one.summary.get("items") or {}]
    keys = [key for one in evaluations for key in one.summary["metrics"]]
    return VIEWS[suite_of(evaluations[0])](list(dict.fromkeys(sets)), list(dict.fromkeys(keys)))


def suite_of(evaluation: Evaluation) -> str:
    """Return what an evaluation was measured by."""
    return str(evaluation.summary.get("suite", "tofu"))
