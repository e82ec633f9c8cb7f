"""Fig. 1c: forget quality against model utility on TOFU forget05."""

from collections.abc import Sequence

from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.tofu_table import beats, tofu_runs, tofu_table
from simnpo.paper.studies.trade_off import QUALITY, trade_off_figure
from simnpo.report.finding import Finding


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return the runs of Table 1."""
    return tofu_runs(scale, scale.tofu, seeds)


def find(results: Results) -> Finding:
    """Plot every method's place."""
    site = results.scale.tofu
    rows = tofu_table(results, site, {}).rows
    return Finding(
        figures=(trade_off_figure(rows, QUALITY, f"of every method on {site.name}"),),
        claims=(
            beats(results, site, "forget_quality", "forget quality", ("npo",)),
            beats(results, site, "model_utility", "model utility", ("npo",)),
        ),
        notes=("Its table is Table 1's.", results.floor_note(site)),
    )


STUDY = Study(
    "SimNPO comes nearest to Retrain in both forget quality and model utility.", runs, find
)
