"""Fig. 6: relearning attacks."""

from collections.abc import Sequence

from simnpo.attacks.relearn import Select
from simnpo.reproduce.finding import Finding
from simnpo.reproduce.relearned import Relearned
from simnpo.reproduce.results import Results, noise_runs
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale
from simnpo.studies.base import Study

METHODS = ("npo", "simnpo")
DRAWS: dict[Select, int] = {"random": 5, "shortest": 1}
"""How often each attack is carried out; the shortest answers are the same every time."""


def attacked(scale: Scale, method: str, seed: int) -> list[Relearned]:
    """Return every attack on the model of a method and seed."""
    model = scale.unlearned(scale.tofu, method, seed)
    return [
        Relearned(draw, model, select) for select, count in DRAWS.items() for draw in range(count)
    ]


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return every draw of both attacks on both methods, at the first seed."""
    attacks = [one for method in METHODS for one in attacked(scale, method, seeds[0])]
    return [*attacks, *noise_runs(scale, scale.tofu, seeds)]


def find(results: Results) -> Finding:
    """To be filled."""
    return Finding()


STUDY = Study("SimNPO.", runs, find)
