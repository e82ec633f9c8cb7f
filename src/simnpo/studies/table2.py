"""Table 2: every method on MUSE News and Books."""

from collections.abc import Sequence

from simnpo.reproduce.finding import Finding
from simnpo.reproduce.results import Results
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale
from simnpo.reproduce.site import Site
from simnpo.studies.base import Study
from simnpo.studies.muse_table import muse_runs


def sites(scale: Scale) -> list[Site]:
    """Return the corpora there are at a scale."""
    return [site for site in (scale.news, scale.books) if site is not None]


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every method's run at every seed, with its metrics over epochs."""
    return [run for site in sites(scale) for run in muse_runs(scale, site, seeds)]


def find(results: Results) -> Finding:
    """To be filled."""
    return Finding()


STUDY = Study("SimNPO.", runs, find)
