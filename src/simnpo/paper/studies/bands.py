"""A value along training: its mean over seeds as a line, its 95 % interval as a band."""

import math
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from simnpo.evaluation.metrics.intervals import Interval, interval
from simnpo.report.canvas import Axes, Canvas, Look
from simnpo.report.colours import Style
from simnpo.report.drawing import tip
from simnpo.report.trade_off import marker

Curve = Mapping[float, Interval]
"""A value's mean and interval by step or epoch."""


def curve(seeds: Sequence["pd.Series[float]"]) -> Curve:
    """Return the curve of a value, given a series per seed by step or epoch.

    NaN in one seed makes the mean NaN; a step that a seed lacks is left out.
    """
    steps = [step for step in seeds[0].index if all(step in one.index for one in seeds)]
    return {float(step): interval([float(one[step]) for one in seeds]) for step in steps}


def paint_curve(
    axes: Axes,
    name: str,
    own: Curve,
    style: Style,
    say: Callable[[float, Interval], str],
    size: float = 6,
    highest: float = math.inf,
) -> None:
    """Draw a curve: line, band, and a marker at each step.

    Args:
        axes: where to.
        name: the model, for the legend.
        own: its curve.
        style: how it is drawn.
        say: from a step and its value to what a reader sees who points at it.
        size: of a marker, in points.
        highest: where the band ends at most, such as log10 p at 0.
    """
    steps, values = list(own), list(own.values())
    look: Look = {"color": style.light, **marker(style, size)}
    axes.plot(steps, [one.mean for one in values], linewidth=1.6, label=name, **look)
    low, high = [one.low for one in values], [min(one.high, highest) for one in values]
    axes.fill_between(steps, low, high, color=style.light, alpha=0.15, linewidth=0)
    for step, value in own.items():
        (point,) = axes.plot(step, value.mean, linestyle="none", **look)
        tip(point, say(step, value))


def legend_below(figure: Canvas, axes: Axes) -> None:
    """Write the legend of one panel's lines below the figure."""
    handles, names = axes.get_legend_handles_labels()
    where = {"loc": "outside lower center", "ncols": len(names)}
    figure.legend(handles, names, frameon=False, fontsize="small", **where)
