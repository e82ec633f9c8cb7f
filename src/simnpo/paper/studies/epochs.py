"""What Fig. 3c and 3d share: a metric of NPO and SimNPO after every epoch."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.experiments.run import Run
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale, per_seed
from simnpo.paper.studies.bands import Curve, legend_below, paint_curve
from simnpo.report.canvas import Axes, Canvas, Dashes, Look
from simnpo.report.colours import Style, is_original
from simnpo.report.finding import Figure

METHODS: Mapping[str, str] = {"NPO": "npo", "SimNPO": "simnpo"}
"""The methods, by the name that figures give them."""


def epoch_runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return the runs, and those they are held against."""
    site = scale.tofu
    methods = [partial(scale.unlearned, site, method) for method in METHODS.values()]
    levels = (partial(scale.original, site), partial(scale.retrain, site))
    return per_seed(seeds, *levels, *methods)


def over_epochs(results: Results, name: str, key: str) -> list["pd.Series[float]"]:
    """Return a metric by epoch, a series per seed; epoch 0 is Original."""
    scale = results.scale
    runs = [scale.unlearned(scale.tofu, METHODS[name], seed) for seed in results.seeds]
    return [results.history(run).set_index("epoch")[key].astype(float) for run in runs]


def epoch_figure(
    curves: Mapping[str, Curve],
    levels: Mapping[str, float],
    title: str,
    caption: str,
    say: Callable[[Interval], str],
    highest: float = math.inf,
    finish: Callable[[Axes], None] = lambda axes: None,
) -> Figure:
    """Return a figure of curves over epochs.

    Args:
        curves: what is drawn, by method.
        levels: Original's and Retrain's values, drawn as level lines.
        title: what the vertical axis is.
        caption: the figure's.
        say: a value in words.
        highest: where bands end at most.
        finish: scales the vertical axis, once all is drawn.
    """

    def paint(figure: Canvas, styles: Mapping[str, Style]) -> None:
        axes = figure.add_subplot()
        for model, own in curves.items():
            described = partial(_describe, model, say)
            paint_curve(axes, model, own, styles[model], described, highest=highest)
        for model, level in levels.items():
            dashes: Dashes = (0, (1, 1.5)) if is_original(model) else (0, (3, 1.5))
            look: Look = {"color": styles[model].light, "linewidth": 1.2, "linestyle": dashes}
            axes.axhline(level, label=model, zorder=1, **look)
        finish(axes)
        axes.set_xlabel("Epoch")
        axes.set_ylabel(title)
        axes.locator_params("x", integer=True)
        legend_below(figure, axes)

    summary = ". ".join(
        f"{model}: " + ", ".join(f"epoch {epoch:g} {say(value)}" for epoch, value in own.items())
        for model, own in curves.items()
    )
    models = (*curves, *levels)
    return Figure("epochs", (6.4, 4.2), caption, f"{title} over epochs. {summary}.", models, paint)


def _describe(model: str, say: Callable[[Interval], str], epoch: float, value: Interval) -> str:
    return f"{model}, epoch {epoch:g}: {say(value)}"
