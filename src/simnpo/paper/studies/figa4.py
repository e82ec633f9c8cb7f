"""Fig. A4: KL from the original model over steps."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullLocator

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale, per_seed
from simnpo.paper.studies.bands import Curve, curve, legend_below, paint_curve
from simnpo.paper.studies.base import Study
from simnpo.report.canvas import Canvas
from simnpo.report.colours import Style
from simnpo.report.finding import Column, Figure, Finding, Table, all_of, exceeds, row
from simnpo.report.numbers import power_of_ten, with_interval
from simnpo.report.truth_ratios import Values

SETS = {"forget": "Forget set", "retain": "Retain set"}
GA_AT_RATE = "GA, NPO's learning rate"


def ga_at_rate(scale: Scale, seed: int) -> UnlearnRun:
    """Return GA's run at NPO's learning rate; it is GA's own where that is the same."""
    own = scale.unlearned(scale.tofu, "ga", seed)
    rate = scale.unlearned(scale.tofu, "npo", seed).preset().training.learning_rate
    if own.preset().training.learning_rate == rate:
        return own
    setting = (("learning_rate", rate),)
    return scale.unlearned(scale.tofu, "ga", seed, setting=setting, records=("drift",))


def models(scale: Scale) -> dict[str, Callable[[int], UnlearnRun]]:
    """Return the runs by name, from a seed: GA as tuned, too, where its rate is another."""
    site = scale.tofu
    found: dict[str, Callable[[int], UnlearnRun]] = {"GA": partial(scale.unlearned, site, "ga")}
    if ga_at_rate(scale, 0) != found["GA"](0):
        found[GA_AT_RATE] = partial(ga_at_rate, scale)
    for method in ("npo", "simnpo"):
        make = partial(scale.unlearned, site, method)
        found[make(0).name] = make
    return found


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return all runs that recorded the KL."""
    return per_seed(seeds, *models(scale).values())


def find(results: Results) -> Finding:
    """Draw KL over steps, compare the ends, and fit NPO's and SimNPO's curves."""
    known = models(results.scale)
    kl = {
        name: [_by_set(results.drift(make(seed))) for seed in results.seeds]
        for name, make in known.items()
    }
    curves = {
        what: {name: curve([one[what] for one in own]) for name, own in kl.items()} for what in SETS
    }
    ends = {
        what: {name: [float(one[what].iloc[-1]) for one in own] for name, own in kl.items()}
        for what in SETS
    }
    fits = {
        name: [(r_squared(one["forget"], np.log), r_squared(one["forget"], _same)) for one in own]
        for name, own in kl.items()
    }
    fair = GA_AT_RATE if GA_AT_RATE in known else "GA"
    columns = (
        Column("forget", "KL forget", "KL on the forget set after the last step, nats per token"),
        Column("retain", "KL retain", "KL on the retain set after the last step, nats per token"),
        Column("log", "R² log", "R² of the forget set's KL as a + b log(step)", better="higher"),
        Column("linear", "R² linear", "R² of the forget set's KL as a + b step", better="higher"),
    )
    rows = tuple(
        row(
            name,
            {
                **{what: ends[what][name] for what in SETS},
                "log": [one for one, _ in fits[name]],
                "linear": [other for _, other in fits[name]],
            },
        )
        for name in known
    )
    summary = "; ".join(
        f"{name}: forget set {with_interval(one.values['forget'])}, retain set "
        f"{with_interval(one.values['retain'])}"
        for name, one in zip(known, rows, strict=True)
    )
    return Finding(
        tables=(Table("drift", "KL from Original, and how it grows", columns, rows),),
        figures=(
            Figure(
                "drift",
                (9.4, 4.2),
                "KL(Original ‖ current) per answer token over training steps, on a logarithmic "
                "axis: mean over seeds, with its 95 % interval as a band.",
                f"KL from Original over steps; after the last one, {summary}.",
                tuple(known),
                partial(_paint, curves=curves),
            ),
        ),
        claims=(
            all_of(
                "GA diverges faster than NPO and SimNPO: after the same steps at the same learning "
                "rate it is further from Original on the forget set.",
                [
                    exceeds(
                        "",
                        (fair, other),
                        list(zip(ends["forget"][fair], ends["forget"][other], strict=True)),
                        "KL on the forget set",
                    )
                    for other in ("NPO", "SimNPO")
                ],
            ),
            all_of(
                "NPO and SimNPO diverge logarithmically: their KL on the forget set is described "
                "better by log(step) than by step.",
                [
                    exceeds("", (f"{name} by log(step)", "by step"), fits[name], "R²")
                    for name in ("NPO", "SimNPO")
                ],
            ),
        ),
        notes=_notes(results, known, fair),
    )


def _notes(
    results: Results, known: Mapping[str, Callable[[int], UnlearnRun]], fair: str
) -> tuple[str, ...]:
    presets = {name: make(results.seeds[0]).preset() for name, make in known.items()}
    rates = ", ".join(f"{name} {one.training.learning_rate:g}" for name, one in presets.items())
    notes = [
        f"Learning rates: {rates}. GA has no retain term; the others train on the retain set, too, "
        "and each has its tuned weights.",
        "KL is measured at some 25 steps on up to 64 examples of either set; the rate rises "
        "during the first epoch and falls after it, which bends every curve.",
    ]
    if fair == GA_AT_RATE:
        notes.insert(
            0,
            "GA's tuned learning rate is not NPO's and SimNPO's, so that its tuned run does not "
            "say how fast GA diverges as such: the claim takes GA at NPO's rate. The paper does "
            "not give its GA's.",
        )
    return tuple(notes)


def _by_set(drift: pd.DataFrame) -> dict[str, "pd.Series[float]"]:
    """Return KL by step for either set."""
    return {what: drift[drift["set"] == what].set_index("step")["kl"] for what in SETS}


def _same(steps: Values) -> Values:
    return steps


def r_squared(kl: "pd.Series[float]", of_step: Callable[[Values], Values]) -> float:
    """Return R² of the least-squares line of KL over a function of the step, from step 1 on.

    NaN where KL does not vary, or there are too few steps for a line.
    """
    after = kl[kl.index > 0]
    values = after.to_numpy(dtype=float)
    if len(values) < 3 or not np.ptp(values):
        return math.nan
    return float(np.corrcoef(of_step(after.index.to_numpy(dtype=float)), values)[0, 1] ** 2)


def _paint(
    figure: Canvas, styles: Mapping[str, Style], curves: Mapping[str, Mapping[str, Curve]]
) -> None:
    panels = figure.subplots(1, len(curves), sharey=True)
    for axes, (what, own) in zip(panels, curves.items(), strict=True):
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda y, _: power_of_ten(round(math.log10(y))))
        )
        axes.yaxis.set_minor_locator(NullLocator())
        for name, one in own.items():
            moved = {step: value for step, value in one.items() if step > 0}
            paint_curve(axes, name, moved, styles[name], partial(_told, name), size=5)
        axes.set_title(SETS[what])
        axes.set_xlabel("Step")
    panels[0].set_ylabel("KL from Original (nats per token)")
    legend_below(figure, panels[0])


def _told(name: str, step: float, value: Interval) -> str:
    return f"{name}, step {step:g}: KL {with_interval(value)}"


STUDY = Study(
    "GA diverges from the original model fast; NPO and SimNPO do so slowly, and alike.",
    runs,
    find,
)
