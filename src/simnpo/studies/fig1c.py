"""Fig. 1c: forget quality against model utility on TOFU forget05."""

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
    "SimNPO comes nearest to Retrain in both forget quality and model utility.", runs, find
)
