"""Table A5: generated answers side by side."""

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


STUDY = Study("NPO repeats itself; SimNPO answers as Retrain does.", runs, find)
