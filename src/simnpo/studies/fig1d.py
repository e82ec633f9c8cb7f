"""Fig. 1d: PrivLeak against retained knowledge on MUSE News."""

from collections.abc import Sequence

from simnpo.reproduce.finding import Finding
from simnpo.reproduce.results import Results
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale
from simnpo.studies.base import Study
from simnpo.studies.muse_table import muse_runs


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return the runs of Table 2 on News."""
    return muse_runs(scale, scale.news, seeds)


def find(results: Results) -> Finding:
    """To be filled."""
    return Finding()


STUDY = Study("SimNPO.", runs, find)
