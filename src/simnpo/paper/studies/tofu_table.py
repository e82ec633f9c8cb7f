"""What Tables 1 and A3 share: all methods on one split of TOFU."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from simnpo.evaluation.suites.tofu import COLUMNS as TOFU_COLUMNS
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.run import Run
from simnpo.paper.results import Results, noise_runs
from simnpo.paper.scale import Scale, per_seed
from simnpo.report.finding import Claim, Column, Table, Verdict, all_of, exceeds

METHODS = ("ga", "grad_diff", "weighted_grad_diff", "idk", "idk_dpo", "npo", "rkld", "simnpo")
"""The paper's, with both forms of IDK and its appendix's Weighted-GradDiff."""
IN_PAPER = ("ga", "grad_diff", "idk_dpo", "npo", "rkld")
"""What the paper's tables hold SimNPO against; its IDK is the form by DPO (sec. 6.1)."""
FAILING = ("ga", "grad_diff", "idk_dpo")
"""Methods that the paper calls not effective on forget05 (sec. 6.2)."""
LOWEST = 0.01
"""What their forget quality is below in the paper."""
COLUMNS = tuple(
    Column(
        one.key,
        f"{'' if one.group == 'Overall' else one.group + ' '}{one.short}",
        one.name,
        one.kind,
        None if one.key.startswith("forget.") else "higher",
    )
    for one in TOFU_COLUMNS
)


def tofu_runs(scale: Scale, site: BenchmarkSetup, seeds: Sequence[int]) -> list[Run]:
    """Return Original's, Retrain's and every method's run at every seed, and the noise floor's."""
    methods = [partial(scale.unlearned, site, method) for method in METHODS]
    return [
        *per_seed(seeds, partial(scale.original, site), *methods),
        *noise_runs(scale, site, seeds),
    ]


def tofu_table(
    results: Results, site: BenchmarkSetup, paper: Mapping[str, Mapping[str, float]]
) -> Table:
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


def values(results: Results, site: BenchmarkSetup, method: str, key: str) -> list[float]:
    """Return a metric of a method at each seed."""
    runs = [results.scale.unlearned(site, method, seed) for seed in results.seeds]
    return [results.metric(run, key) for run in runs]


def beats(
    results: Results,
    site: BenchmarkSetup,
    key: str,
    what: str,
    others: Sequence[str],
    method: str = "simnpo",
) -> Claim:
    """Judge whether a method's metric is higher than that of each of `others`.

    Args:
        results: the finished runs.
        site: the benchmark.
        key: the metric.
        what: its name in words.
        others: methods by name.
        method: the one that is to be higher.
    """
    names = {one: results.scale.unlearned(site, one, 0).name for one in (method, *others)}
    own = values(results, site, method, key)
    parts = [
        exceeds(
            "",
            (names[method], names[other]),
            list(zip(own, values(results, site, other, key), strict=True)),
            what,
        )
        for other in others
    ]
    listed = names[others[0]] if len(others) == 1 else "every other method of the paper's table"
    return all_of(f"{names[method]} has a higher {what} than {listed}.", parts)


def tofu_claims(results: Results, site: BenchmarkSetup) -> tuple[Claim, ...]:
    """Hold what the paper claims of both splits against the runs."""
    return (
        beats(results, site, "forget_quality", "forget quality", ("npo",)),
        beats(results, site, "model_utility", "model utility", ("npo",)),
        beats(results, site, "forget_quality", "forget quality", IN_PAPER),
        beats(results, site, "model_utility", "model utility", IN_PAPER),
    )


def failing(results: Results, site: BenchmarkSetup) -> Claim:
    """Judge whether the methods that the paper calls not effective are so at every seed."""
    found = {
        results.scale.unlearned(site, method, 0).name: values(
            results, site, method, "forget_quality"
        )
        for method in FAILING
    }
    worst = {name: float(np.max(ones)) for name, ones in found.items()}  # NaN where one is
    verdict: Verdict = "not held"
    if any(map(math.isnan, worst.values())):
        verdict = "not testable"
    elif all(value < LOWEST for value in worst.values()):
        verdict = "held"
    summary = ", ".join(f"{name} {value:.2g}" for name, value in worst.items())
    return Claim(
        f"GA, GradDiff and IDK (by DPO) have a forget quality below {LOWEST}.",
        verdict,
        f"Highest over the seeds: {summary}.",
    )
