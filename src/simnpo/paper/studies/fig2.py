"""Fig. 2: truth ratios of short and long forget data; with slices by memorisation."""

from collections.abc import Callable, Sequence
from functools import partial

from simnpo.experiments.run import Run
from simnpo.paper.results import Results, noise_runs
from simnpo.paper.scale import Scale, per_seed
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.slices import Halves, by_length, by_memorisation
from simnpo.report.finding import Finding, exceeds

PAPER = {"NPO": {"short.fq": 0.58, "long.fq": 0.81}}
"""From the paper's text (sec. 4)."""


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return NPO's and SimNPO's run, what they are held against, and the noise floor's."""
    site = scale.tofu
    methods = [partial(scale.unlearned, site, method) for method in ("npo", "simnpo")]
    return [
        *per_seed(seeds, partial(scale.original, site), *methods),
        *noise_runs(scale, site, seeds),
    ]


def find(results: Results) -> Finding:
    """Show both halves by length, and tabulate those by memorisation."""
    scale, site = results.scale, results.scale.tofu
    models: dict[str, Callable[[int], Run]] = {
        "Original": partial(scale.original, site),
        "Retrain": partial(scale.retrain, site),
        "NPO": partial(scale.unlearned, site, "npo"),
        "SimNPO": partial(scale.unlearned, site, "simnpo"),
    }
    length = Halves(results, site, by_length(results, site), models)
    memorised = Halves(results, site, by_memorisation(results, site), models)
    short, long = (length.p_values("NPO", half) for half in (0, 1))
    simnpo = length.p_values("SimNPO", 0)
    return Finding(
        tables=(
            length.table("length", f"{site.name}, halves by answer length", PAPER),
            memorised.table("memorisation", f"{site.name}, halves by Original's memorisation", {}),
        ),
        figures=(
            length.figure(
                "truth-ratios",
                "Truth ratios of the 50 % of the forget set with the shortest answers, and of the "
                "50 % with the longest.",
            ),
        ),
        claims=(
            exceeds(
                "NPO's forget quality is lower on the shortest half than on the longest.",
                ("longest half", "shortest half"),
                list(zip(long, short, strict=True)),
                "NPO's forget quality",
            ),
            exceeds(
                "On the shortest half SimNPO's forget quality is higher than NPO's.",
                ("SimNPO", "NPO"),
                list(zip(simnpo, short, strict=True)),
                "forget quality",
            ),
        ),
        notes=(
            "An answer's length is its number of tokens; equally long answers go by their place "
            "in the forget set.",
            "Memorisation is the length-normalised probability of the answer under each "
            "seed's Original, which learnt the whole forget set; in Table A2 it learnt one half.",
            results.floor_note(site),
            length.floor_note(),
            memorised.floor_note(),
        ),
    )


STUDY = Study(
    "NPO forgets short answers worse than long ones; SimNPO forgets short ones better than NPO.",
    runs,
    find,
)
