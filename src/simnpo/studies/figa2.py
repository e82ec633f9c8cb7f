"""Fig. A2: SimNPO over beta and gamma."""

from collections.abc import Sequence

from simnpo.reproduce.finding import Finding
from simnpo.reproduce.results import Results, noise_runs
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale
from simnpo.reproduce.unlearned import Unlearned
from simnpo.studies.base import Study

BETAS = (1.5, 2.5, 3.5, 4.5)
"""The paper searched 1.5 to 3.5 for forget05, and has 4.5 on forget10 (app. I.2)."""
GAMMAS = (0.0, 0.5, 1.0, 2.0)
"""The paper searched 0 to 2."""


def point(scale: Scale, beta: float, gamma: float, seed: int) -> Unlearned:
    """Return the run at a point of the grid, all else as tuned."""
    setting = (("beta", beta), ("gamma", gamma))
    return scale.unlearned(scale.tofu, "simnpo", seed, setting=setting)


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return a run for every point of the grid, at the first seed."""
    grid = [point(scale, beta, gamma, seeds[0]) for beta in BETAS for gamma in GAMMAS]
    return [*grid, *noise_runs(scale, scale.tofu, seeds)]


def find(results: Results) -> Finding:
    """To be filled."""
    return Finding()


STUDY = Study("SimNPO.", runs, find)
