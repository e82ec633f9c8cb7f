"""Fig. A1: NPO with its own and with a perturbed reference."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from simnpo.metrics.intervals import Interval
from simnpo.report.colours import Style
from simnpo.report.drawing import tip
from simnpo.report.labels import label_points
from simnpo.report.numbers import fixed, p_value
from simnpo.report.trade_off import marker, p_axis
from simnpo.reproduce.finding import Column, Figure, Finding, Table, exceeds
from simnpo.reproduce.models import Perturbed
from simnpo.reproduce.results import Results, noise_runs
from simnpo.reproduce.run import Run
from simnpo.reproduce.scale import Scale, per_seed
from simnpo.reproduce.unlearned import Unlearned
from simnpo.studies.base import Study

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


def perturbed(scale: Scale, seed: int) -> Unlearned:
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
    points = {
        one.name: (one.values["model_utility"], one.values["forget_quality_log10_p"])
        for one in rows
    }

    def pairs(key: str) -> list[tuple[float, float]]:
        return [
            (results.metric(known["NPO"](seed), key), results.metric(known[PERTURBED](seed), key))
            for seed in results.seeds
        ]

    utility = pairs("model_utility")
    said = "; ".join(f"{name}: {_said(*point)}" for name, point in points.items())
    return Finding(
        tables=(Table("references", f"{site.name}, NPO's reference", COLUMNS, rows, PAPER),),
        figures=(
            Figure(
                "trade-off",
                (6.4, 4.4),
                "Forget quality (geometric mean over seeds) against model utility (mean) of NPO "
                "with Original as its reference and with a perturbed one; bars are 95 % intervals.",
                f"Scatter plot of forget quality and model utility. {said}.",
                tuple(points),
                partial(_paint, points=points),
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


def _said(utility: Interval, quality: Interval) -> str:
    return f"FQ {p_value(10**quality.mean)}, MU {fixed(utility.mean)}"


def _paint(
    figure: Any, styles: Mapping[str, Style], points: Mapping[str, tuple[Interval, Interval]]
) -> None:
    axes = figure.add_subplot()
    for name, (x, y) in points.items():
        colour = styles[name].light
        if not math.isnan(x.low):
            axes.plot([x.low, x.high], [y.mean, y.mean], color=colour, linewidth=1, alpha=0.6)
            ends = [y.low, min(y.high, 0.0)]
            axes.plot([x.mean, x.mean], ends, color=colour, linewidth=1, alpha=0.6)
        look = {"linestyle": "none", "color": colour, **marker(styles[name])}
        (point,) = axes.plot(x.mean, y.mean, **look)
        tip(point, f"{name}: {_said(x, y)}")
    axes.margins(x=0.25)
    p_axis(axes, min(y.mean if math.isnan(y.low) else y.low for _, y in points.values()))
    axes.set_xlabel("Model utility  (kept →)")
    axes.set_ylabel("Forget quality, KS p-value  (forgotten →)")
    figure.draw_without_rendering()  # names are placed by the pixels of the final layout
    label_points(axes, {name: (x.mean, y.mean) for name, (x, y) in points.items()})


STUDY = Study(
    "NPO depends on its reference: with a perturbed one it forgets much worse, at a like utility.",
    runs,
    find,
)
