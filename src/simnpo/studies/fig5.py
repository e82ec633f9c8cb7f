"""Fig. 5: the study on Markov chains."""

from collections.abc import Sequence

from simnpo.markov.panels import PANELS
from simnpo.reproduce.chains import Chains
from simnpo.reproduce.finding import Finding
from simnpo.reproduce.results import Results
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale
from simnpo.studies.base import Study


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return both panels at every seed."""
    return [Chains(seed, panel) for seed in seeds for panel in PANELS]


def find(results: Results) -> Finding:
    """To be filled."""
    return Finding()


STUDY = Study("NPO pays more than SimNPO.", runs, find)
