"""Table A4: hazardous knowledge (WMDP)."""

from collections.abc import Callable, Sequence
from functools import partial

from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale, per_seed
from simnpo.paper.studies.base import Study
from simnpo.report.finding import Column, Finding, Table, all_of, exceeds

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
    """Tabulate, and compare the three methods."""
    made = makers(results.scale)
    keys = [column.key for column in COLUMNS]

    def pairs(higher: str, lower: str, key: str) -> list[tuple[float, float]]:
        return [
            (results.metric(made[higher](seed), key), results.metric(made[lower](seed), key))
            for seed in results.seeds
        ]

    beyond = [
        exceeds("", (name, "RMU"), pairs(name, "RMU", "forgotten"), "1 − accuracy")
        for name in ("NPO", "SimNPO")
    ]
    kept = [
        exceeds("", ("RMU", name), pairs("RMU", name, "kept"), "accuracy on the utility sets")
        for name in ("NPO", "SimNPO")
    ]
    return Finding(
        tables=(
            Table(
                "methods",
                results.scale.wmdp.name,
                COLUMNS,
                tuple(results.row(name, make, keys) for name, make in made.items()),
                PAPER,
            ),
        ),
        claims=(
            exceeds(
                "SimNPO keeps more than NPO.",
                ("SimNPO", "NPO"),
                pairs("SimNPO", "NPO", "kept"),
                "accuracy on the utility sets",
            ),
            all_of("NPO and SimNPO forget more than RMU.", beyond),
            all_of("RMU keeps more than NPO and SimNPO.", kept),
        ),
        notes=("Guessing among four answers gives 0.75 of the first column.",),
    )


COLUMNS = (
    Column("forgotten", "1 − Acc", "1 − accuracy on what is to be forgotten", better="higher"),
    Column("kept", "Kept", "Accuracy on the utility sets (MMLU in the paper)", better="higher"),
)
PAPER = {
    "Original": {"forgotten": 0.35, "kept": 0.59},
    "RMU": {"forgotten": 0.68, "kept": 0.57},
    "NPO": {"forgotten": 0.74, "kept": 0.44},
    "SimNPO": {"forgotten": 0.74, "kept": 0.48},
}
"""Zephyr-7B on WMDP-Bio and MMLU (Table A4)."""
STUDY = Study(
    "NPO and SimNPO forget more than RMU, which keeps most; SimNPO keeps more than NPO.",
    runs,
    find,
)
