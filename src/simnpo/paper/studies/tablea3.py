"""Table A3: every method on TOFU forget10, all metrics."""

from collections.abc import Sequence

from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.tofu_table import tofu_claims, tofu_runs, tofu_table
from simnpo.report.finding import Finding


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every method's run at every seed."""
    return tofu_runs(scale, scale.tofu_other, seeds)


def find(results: Results) -> Finding:
    """Tabulate all metrics, and hold the paper's claims against them."""
    site = results.scale.tofu_other
    return Finding(
        tables=(tofu_table(results, site, {"Retrain": {"forget_quality": 1.0}}),),
        claims=tofu_claims(results, site),
        notes=(results.floor_note(site),),
    )


STUDY = Study(
    "SimNPO has the highest forget quality and model utility on the other forget set, too.",
    runs,
    find,
)
