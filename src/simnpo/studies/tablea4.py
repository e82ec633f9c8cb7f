"""Table A4: hazardous knowledge (WMDP)."""

from collections.abc import Callable, Sequence
from functools import partial

from simnpo.reproduce.finding import Finding
from simnpo.reproduce.results import Results
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale, per_seed
from simnpo.studies.base import Study

METHODS = ("rmu", "npo", "simnpo")


def makers(scale: Scale) -> dict[str, Callable[[int], Run]]:
    """Return, by name, what makes each model's run of a seed."""
    site = scale.wmdp
    made: dict[str, Callable[[int], Run]] = {"Original": partial(scale.original, site)}
    if site.has_retrain:
        made["Retrain"] = partial(scale.retrain, site)
    for method in METHODS:
        make = partial(scale.unlearned, site, method)
        made[make(0).name] = make
    return made


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every model's run at every seed."""
    return per_seed(seeds, *makers(scale).values())


def find(results: Results) -> Finding:
    """To be filled."""
    return Finding()


STUDY = Study("SimNPO.", runs, find)
