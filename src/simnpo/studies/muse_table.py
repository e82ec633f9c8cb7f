"""What Table 2 and Fig. 1d share: all methods on a corpus of MUSE."""

from collections.abc import Sequence
from functools import partial

from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale, per_seed
from simnpo.reproduce.site import Site
from simnpo.reproduce.unlearned import Unlearned

METHODS = ("ga", "grad_diff", "npo", "task_vector", "simnpo")
"""The paper's on MUSE (sec. 6.1)."""


def muse_run(scale: Scale, site: Site, method: str, seed: int) -> Unlearned:
    """Return a method's run, with its metrics after every epoch where it trains in epochs."""
    edits = method == "task_vector"  # one step, without epochs
    return scale.unlearned(site, method, seed, records=() if edits else ("history",))


def muse_runs(scale: Scale, site: Site, seeds: Sequence[int]) -> list[Run]:
    """Return Original's, Retrain's and every method's run at every seed."""
    methods = [partial(muse_run, scale, site, method) for method in METHODS]
    models = (partial(scale.original, site), partial(scale.retrain, site))
    return per_seed(seeds, *models, *methods)
