"""One view per suite of metrics: the only list of them."""

from collections.abc import Mapping, Sequence

from simnpo.report.views.base import View
from simnpo.report.views.muse import VIEW as MUSE
from simnpo.report.views.tofu import VIEW as TOFU
from simnpo.scoring.evaluation import Evaluation

VIEWS: Mapping[str, View] = {"tofu": TOFU, "muse": MUSE}
"""By a key of `simnpo.metrics.suites.SUITES`."""


def view_of(evaluations: Sequence[Evaluation]) -> View:
    """Return how these evaluations, all of one suite, are shown."""
    return VIEWS[suite_of(evaluations[0])]


def suite_of(evaluation: Evaluation) -> str:
    """Return what an evaluation was measured by."""
    return str(evaluation.summary.get("suite", "tofu"))
