"""A sweep's settings on a plane: what was forgotten against what was kept."""

import math
from collections.abc import Mapping, Sequence

from simnpo.evaluation.suites.display import Axis
from simnpo.report.canvas import Canvas
from simnpo.report.colours import Style
from simnpo.report.labels import label_points
from simnpo.report.trade_off import limits, marker, p_axis

TRIED, FRONT = "Tried", "On the front"
Point = tuple[float, float]
"""What was kept and what was forgotten; of a p-value its log10."""


def paint_front(
    figure: Canvas,
    tried: Sequence[Point],
    front: Mapping[str, Point],
    references: Mapping[str, Point],
    styles: Mapping[str, Style],
    kept: Axis,
    forgotten: Axis,
) -> None:
    """Plot every setting, with those on the front joined and named.

    Args:
        figure: an empty figure.
        tried: settings that others beat.
        front: the others, by what names them.
        references: Original and Retrain, as far as both values are known.
        styles: how `TRIED`, `FRONT` and the references are drawn.
        kept: the horizontal axis.
        forgotten: the vertical one.
    """
    axes = figure.add_subplot()
    every = [*tried, *front.values(), *references.values()]
    axes.set_xlim(*limits([x for x, _ in every]))
    if forgotten.is_p_value:
        p_axis(axes, min(y for _, y in every))
    else:
        axes.set_ylim(*limits([y for _, y in every]))
    axes.set_xlabel(kept.label)
    axes.set_ylabel(forgotten.label)
    for x, y in tried:
        axes.plot(x, y, linestyle="none", color=styles[TRIED].light, **marker(styles[TRIED], 5))
    joined = sorted(front.values())
    axes.plot(
        [x for x, _ in joined],
        [y for _, y in joined],
        color=styles[FRONT].light,
        linewidth=1.2,
        **marker(styles[FRONT]),
    )
    for name, (x, y) in references.items():
        axes.plot(x, y, linestyle="none", color=styles[name].light, **marker(styles[name]))
    figure.draw_without_rendering()  # names are placed by the pixels of the final layout
    label_points(axes, {**front, **references})


def placed(forgotten: float, kept: float, axis: Axis) -> Point | None:
    """Return where a model stands, None where a value is missing."""
    if axis.is_p_value:
        forgotten = math.log10(forgotten) if forgotten > 0 else math.nan
    return None if math.isnan(forgotten) or math.isnan(kept) else (kept, forgotten)
