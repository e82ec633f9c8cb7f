"""Fig. A1: NPO with its own and with a perturbed reference."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from simnpo.experiments.model_runs import Perturbed
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.results import Results, noise_runs
from simnpo.paper.scale import Scale, per_seed
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.trade_off import QUALITY, trade_off_figure
from simnpo.report.finding import Column, Finding, Table, exceeds

PERTURBED = "NPO, perturbed reference"
PAPER = {
    "NPO": {"forget_quality": 0.79, "model_utility": 0.57},
    PERTURBED: {"forget_quality": 0.27, "model_utility": 0.52},
    "Retrain": {"forget_quality": 1.0},
}
"""From the paper's text (sec. 4, app. B)."""
COLUMNS = (
    Column("forget_quality", "FQ", "Forget quality (p-value)", "p_value", "higher"),
    Column("forget_quality_log10_p", "log₁₀ p", "Base-10 logarithm of it", "logarithm", "higher"),
    Column("forget_quality_statistic", "KS", "Kolmogorov–Smirnov statistic"),
    Column("model_utility", "MU", "Model utility", better="higher"),
)
LARGELY = 0.1
"""Utility is largely unaffected if it changes by less than a tenth: the paper's does by 9 %."""


def perturbed(scale: Scale, seed: int) -> UnlearnRun:
    """Return the run of NPO whose reference is Original averaged with random weights."""
    reference = Perturbed(seed, scale.original(scale.tofu, seed))
    return scale.unlearned(scale.tofu, "npo", seed, reference=reference)


def models(scale: Scale) -> Mapping[str, Callable[[int], Run]]:
    """Return the runs by name, from a seed."""
    return {
        "Retrain": partial(scale.retrain, scale.tofu),
        "NPO": partial(scale.unlearned, scale.tofu, "npo"),
        PERTURBED: partial(perturbed, scale),
    }


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return all runs, the noise floor's among them."""
    return [*per_seed(seeds, *models(scale).values()), *noise_runs(scale, scale.tofu, seeds)]


def find(results: Results) -> Finding:
    """Tabulate and plot the three, and compare the two references."""
    site, known = results.scale.tofu, models(results.scale)
    keys = [column.key for column in COLUMNS]
    rows = tuple(results.row(name, make, keys) for name, make in known.items())

    def pairs(key: str) -> list[tuple[float, float]]:
        return [
            (results.metric(known["NPO"](seed), key), results.metric(known[PERTURBED](seed), key))
            for seed in results.seeds
        ]

    utility = pairs("model_utility")
    return Finding(
        tables=(Table("references", f"{site.name}, NPO's reference", COLUMNS, rows, PAPER),),
        figures=(
            trade_off_figure(
                rows,
                QUALITY,
                "of NPO with Original as its reference and with a perturbed one",
            ),
        ),
        claims=(
            exceeds(
                "With a perturbed reference NPO's forget quality is lower.",
                ("NPO", PERTURBED),
                pairs("forget_quality"),
                "forget quality",
            ),
            exceeds(
                "A perturbed reference leaves NPO's model utility largely unaffected.",
                ("A tenth of NPO's utility", "its change"),
                [(LARGELY * own, abs(own - other)) for own, other in utility],
                "model utility",
            ),
        ),
        notes=(
            "The perturbed reference is Original averaged, weight by weight, with a freshly "
            "initialised model of its shape. Retrain's forget quality is 1 by definition.",
            results.floor_note(site),
        ),
    )


STUDY = Study(
    "NPO depends on its reference: with a perturbed one it forgets much worse, at a like utility.",
    runs,
    find,
)
