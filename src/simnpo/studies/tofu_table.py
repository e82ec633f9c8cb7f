"""What Tables 1 and A3 share: all methods on one split of TOFU."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from simnpo.report.views.tofu import COLUMNS as TOFU_COLUMNS
from simnpo.reproduce.finding import Claim, Column, Table, all_of, exceeds
from simnpo.reproduce.results import Results, noise_runs
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale, per_seed
from simnpo.reproduce.site import Site

METHODS = ("ga", "grad_diff", "weighted_grad_diff", "idk", "idk_dpo", "npo", "rkld", "simnpo")
"""The paper's, with both forms of IDK and its appendix's Weighted-GradDiff."""
FAILING = ("ga", "grad_diff", "idk", "idk_dpo")
"""Methods whose forget quality the paper has below 0.01."""
COLUMNS = tuple(
    Column(
        one.key,
        f"{'' if one.group == 'Overall' else one.group + ' '}{one.short}",
        one.name,
        one.form,
        None if one.key.startswith("forget.") else "higher",
    )
    for one in TOFU_COLUMNS
)


def tofu_runs(scale: Scale, site: Site, seeds: Sequence[int]) -> list[Run]:
    """Return Original's, Retrain's and every method's run at every seed, and the noise floor's."""
    methods = [partial(scale.unlearned, site, method) for method in METHODS]
    return [
        *per_seed(seeds, partial(scale.original, site), *methods),
        *noise_runs(scale, site, seeds),
    ]


def tofu_table(results: Results, site: Site, paper: Mapping[str, Mapping[str, float]]) -> Table:
    """Return the table: a row per model, a column per metric."""
    scale, keys = results.scale, [column.key for column in COLUMNS]
    makers: dict[str, Callable[[int], Run]] = {
        "Original": partial(scale.original, site),
        "Retrain": partial(scale.retrain, site),
    }
    for method in METHODS:
        made = partial(scale.unlearned, site, method)
        makers[made(results.seeds[0]).name] = made
    rows = tuple(results.row(name, made, keys) for name, made in makers.items())
    return Table("methods", f"{site.name}, all methods", COLUMNS, rows, paper)


def tofu_claims(results: Results, site: Site) -> tuple[Claim, ...]:
    """Hold the paper's claims about a split against the runs."""

    def values(method: str, key: str) -> list[float]:
        runs = [results.scale.unlearned(site, method, seed) for seed in results.seeds]
        return [results.metric(run, key) for run in runs]

    def beats(key: str, what: str, others: Sequence[str]) -> Claim:
        own = values("simnpo", key)
        parts = []
        for other in others:
            name = results.scale.unlearned(site, other, results.seeds[0]).name
            pairs = list(zip(own, values(other, key), strict=True))
            parts.append(exceeds("", ("SimNPO", name), pairs, what))
        listed = "NPO" if others == ("npo",) else "every other method"
        return all_of(f"SimNPO has a higher {what} than {listed}.", parts)

    worst = {name: max(values(name, "forget_quality")) for name in FAILING}
    said = ", ".join(
        f"{results.scale.unlearned(site, name, results.seeds[0]).name} {value:.2g}"
        for name, value in worst.items()
    )
    held = all(value < 0.01 for value in worst.values())
    return (
        beats("forget_quality", "forget quality", ("npo",)),
        beats("model_utility", "model utility", ("npo",)),
        beats("model_utility", "model utility", [m for m in METHODS if m != "simnpo"]),
        Claim(
            "GA, GradDiff and IDK have a forget quality below 0.01.",
            "held" if held else "not held",
            f"Highest over the seeds: {said}.",
        ),
    )
