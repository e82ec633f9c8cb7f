"""Fig. A3: what normalising by length does without the sigmoid."""

from collections.abc import Sequence

from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.tofu_table import beats, tofu_runs, tofu_table
from simnpo.paper.studies.trade_off import QUALITY, trade_off_figure
from simnpo.report.finding import Finding

SHOWN = ("Retrain", "GradDiff", "Weighted-GradDiff", "NPO", "SimNPO")


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return the runs of Table 1."""
    return tofu_runs(scale, scale.tofu, seeds)


def find(results: Results) -> Finding:
    """Plot the four methods, and compare the two without a sigmoid."""
    site = results.scale.tofu
    rows = [row for row in tofu_table(results, site, {}).rows if row.name in SHOWN]
    quality = ("forget_quality", "forget quality")
    return Finding(
        figures=(trade_off_figure(rows, QUALITY, f"on {site.name}"),),
        claims=(
            beats(results, site, *quality, ("grad_diff",), method="weighted_grad_diff"),
            beats(results, site, *quality, ("weighted_grad_diff",)),
        ),
        notes=(
            "GradDiff and Weighted-GradDiff each have the weight and learning rate that tuning "
            "picked for them. Its table is Table 1's.",
            results.floor_note(site),
        ),
    )


STUDY = Study(
    "Weighted-GradDiff, SimNPO at beta 0, has a better forget quality than GradDiff.", runs, find
)
