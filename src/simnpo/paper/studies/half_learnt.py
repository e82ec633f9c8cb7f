"""What Fig. 1b and Table A2 share: a forget set of which Original learnt the first half alone."""

from collections.abc import Sequence
from functools import partial

from simnpo.experiments.model_runs import TrainedModel
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.results import Results, noise_runs
from simnpo.paper.scale import Scale, per_seed
from simnpo.paper.studies.slices import Halves, split_at_middle

ORIGIN = "Original of one half"
NOTE = (
    f"{ORIGIN} was trained on the retain set and the first half of the forget set, which it so "
    "memorised strongly; all of the forget set was unlearned. Retrain saw neither half."
)


def half_original(scale: Scale, seed: int) -> TrainedModel:
    """Return the run of the model that learnt the first half of the forget set."""
    return TrainedModel(seed, scale.tofu, "first half")


def half_unlearned(scale: Scale, method: str, seed: int) -> UnlearnRun:
    """Return the run of a method from that model, on the whole forget set."""
    return scale.unlearned(scale.tofu, method, seed, origin=half_original(scale, seed))


def half_runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return all runs, the noise floor's among them."""
    methods = [partial(half_unlearned, scale, method) for method in ("npo", "simnpo")]
    return [
        *per_seed(seeds, partial(half_original, scale), *methods),
        *noise_runs(scale, scale.tofu, seeds),
    ]


def memorised_halves(results: Results) -> Halves:
    """Return the models on the strongly and on the weakly memorised half."""
    scale, site = results.scale, results.scale.tofu
    places = range(len(site.load().forget))
    strong, weak = ("strong", "strongly memorised"), ("weak", "weakly memorised")
    return Halves(
        results,
        site,
        split_at_middle(lambda seed: places, strong, weak),
        {
            ORIGIN: partial(half_original, scale),
            "Retrain": partial(scale.retrain, site),
            "NPO": partial(half_unlearned, scale, "npo"),
            "SimNPO": partial(half_unlearned, scale, "simnpo"),
        },
    )
