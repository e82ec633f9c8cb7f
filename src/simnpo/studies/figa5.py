"""Fig. A5: successive unlearning requests on MUSE News."""

from collections.abc import Sequence

from simnpo.reproduce.finding import Finding
from simnpo.reproduce.results import Results
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale
from simnpo.reproduce.unlearned import Unlearned
from simnpo.studies.base import Study

METHODS = ("npo", "simnpo")


def stages_of(scale: Scale, method: str, seed: int) -> list[Unlearned]:
    """Return a method's runs, each from the model that has unlearned the requests before."""
    stages: list[Unlearned] = []
    origin: Run = scale.original(scale.news, seed)
    for request in range(len(scale.news.load().requests)):
        stage = scale.unlearned(
            scale.news, method, seed, origin=origin, request=request, keeps_model=True
        )
        stages.append(stage)
        origin = stage
    return stages


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every stage of both methods, at the first seed."""
    stages = [one for method in METHODS for one in stages_of(scale, method, seeds[0])]
    return [*stages, scale.original(scale.news, seeds[0])]


def find(results: Results) -> Finding:
    """To be filled."""
    return Finding()


STUDY = Study("SimNPO.", runs, find)
