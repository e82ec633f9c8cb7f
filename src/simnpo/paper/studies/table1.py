"""Table 1: every method on TOFU forget05, all metrics."""

from collections.abc import Sequence

from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.tofu_table import failing, tofu_claims, tofu_runs, tofu_table
from simnpo.report.finding import Finding

PAPER = {
    "Retrain": {"forget_quality": 1.0},
    "NPO": {"forget_quality": 0.79, "model_utility": 0.57},
}
"""From the paper's text (sec. 6.2, app. B); its table is an image."""


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every method's run at every seed."""
    return tofu_runs(scale, scale.tofu, seeds)


def find(results: Results) -> Finding:
    """Tabulate all metrics, and hold the paper's claims against them."""
    site = results.scale.tofu
    return Finding(
        tables=(tofu_table(results, site, PAPER),),
        claims=(*tofu_claims(results, site), failing(results, site)),
        notes=(results.floor_note(site),),
    )


STUDY = Study(
    "SimNPO has the best forget quality and model utility; GA, GradDiff and IDK do not forget.",
    runs,
    find,
)
