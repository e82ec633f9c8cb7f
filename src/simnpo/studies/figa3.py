"""Fig. A3: what normalising by length does without the sigmoid."""

from collections.abc import Sequence

from simnpo.reproduce.finding import Finding
from simnpo.reproduce.results import Results
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale
from simnpo.studies.base import Study
from simnpo.studies.tofu_table import tofu_runs


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return the runs of Table 1."""
    return tofu_runs(scale, scale.tofu, seeds)


def find(results: Results) -> Finding:
    """To be filled."""
    return Finding()


STUDY = Study(
    "Weighted-GradDiff, SimNPO at beta 0, has a better forget quality than GradDiff.", runs, find
)
