"""What was forgotten against what was kept: a point per model, bars over seeds."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.report.canvas import Canvas, Look
from simnpo.report.colours import MUTED, Style
from simnpo.report.drawing import tip
from simnpo.report.finding import Figure, Row
from simnpo.report.labels import label_points
from simnpo.report.numbers import fixed, p_value
from simnpo.report.trade_off import marker, p_axis


class Axes(NamedTuple):
    """Two metrics as the axes of a plot."""

    kept: str
    """Key of the horizontal axis's metric."""
    kept_title: str
    forgotten: str
    """Key of the vertical axis's; a p-value's by its base-10 logarithm."""
    forgotten_title: str
    shorts: tuple[str, str]
    """Both by their short names, the vertical one first."""
    is_p_value: bool = False
    digits: int = 3
    """Decimals of values in words."""


QUALITY = Axes(
    "model_utility",
    "Model utility  (kept →)",
    "forget_quality_log10_p",
    "Forget quality, KS p-value  (forgotten →)",
    ("FQ", "MU"),
    is_p_value=True,
)
"""TOFU's: means of forget quality are geometric, so that a p-value of 1e-10 counts as one."""


def trade_off_figure(rows: Sequence[Row], axes: Axes, what: str) -> Figure:
    """Return the figure of a table's rows; models without both values are left out.

    Args:
        rows: models with their values over seeds.
        axes: what is drawn.
        what: whose trade-off it is, for the caption: "of all methods on TOFU".
    """
    points = {
        row.name: (row.values[axes.kept], row.values[axes.forgotten])
        for row in rows
        if not any(math.isnan(row.values[key].mean) for key in (axes.kept, axes.forgotten))
    }
    summary = "; ".join(f"{name}: {_said(axes, *point)}" for name, point in points.items())
    mean = "geometric mean" if axes.is_p_value else "mean"
    caption = (
        f"{axes.forgotten_title.split('  ')[0]} ({mean} over seeds) against "
        f"{axes.kept_title.split('  ')[0].lower()} (mean) {what}; bars are 95 % intervals."
    )
    return Figure(
        "trade-off",
        (7.4, 4.8),
        caption,
        f"Scatter plot of {axes.forgotten_title} and {axes.kept_title}. {summary}.",
        tuple(points),
        partial(_paint, points=points, shown=axes),
    )


def _said(axes: Axes, kept: Interval, forgotten: Interval) -> str:
    value = p_value(10**forgotten.mean) if axes.is_p_value else fixed(forgotten.mean, axes.digits)
    return f"{axes.shorts[0]} {value}, {axes.shorts[1]} {fixed(kept.mean, axes.digits)}"


def _paint(
    figure: Canvas,
    styles: Mapping[str, Style],
    points: Mapping[str, tuple[Interval, Interval]],
    shown: Axes,
) -> None:
    axes = figure.add_subplot()
    for name, (x, y) in points.items():
        colour = styles[name].light
        if not math.isnan(x.low):
            top = min(y.high, 0.0) if shown.is_p_value else y.high
            axes.plot([x.low, x.high], [y.mean, y.mean], color=colour, linewidth=1, alpha=0.6)
            axes.plot([x.mean, x.mean], [y.low, top], color=colour, linewidth=1, alpha=0.6)
        look: Look = {"linestyle": "none", "color": colour, **marker(styles[name])}
        (point,) = axes.plot(x.mean, y.mean, **look)
        tip(point, f"{name}: {_said(shown, x, y)}")
    axes.margins(x=0.2, y=0.12)
    if shown.is_p_value:
        lows = [y.mean if math.isnan(y.low) else y.low for _, y in points.values()]
        p_axis(axes, min(lows))
    elif shown.forgotten == "privleak":
        axes.axhline(0, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xlabel(shown.kept_title)
    axes.set_ylabel(shown.forgotten_title)
    figure.draw_without_rendering()  # names are placed by the pixels of the final layout
    label_points(axes, {name: (x.mean, y.mean) for name, (x, y) in points.items()})
