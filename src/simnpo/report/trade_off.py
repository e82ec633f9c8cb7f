"""What was forgotten and what was kept: against each other, and over epochs."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from simnpo.evaluation.suites.display import Axis
from simnpo.report.canvas import Axes, Canvas, Dashes, Look
from simnpo.report.colours import MUTED, PAPER, Style, is_original, is_retrain
from simnpo.report.labels import label_points
from simnpo.report.numbers import number, power_of_ten
from simnpo.storage.json_values import Json

_LINEAR_DOWN_TO = 2  # log10 p of 0 to -2, where methods that work differ, is drawn evenly
_P_TICKS = (0, math.log10(0.5), -1, math.log10(0.05), -2, -5, -10, -20, -50, -100, -200, -300)


def p_axis(axes: Axes, lowest: float) -> None:
    """Scale the y axis, whose values are log10 p from `lowest` up, as symlog, labelled with p."""
    axes.set_yscale("symlog", linthresh=_LINEAR_DOWN_TO, linscale=1.6)
    bottom = min(-2.6, lowest * 1.35)
    axes.set_ylim(bottom, 0.12)
    ticks = [tick for tick in _P_TICKS if tick >= bottom]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda y, _: f"{10**y:.2g}" if y > -2.5 else power_of_ten(round(y)))
    )
    axes.axhline(math.log10(0.05), color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)


def marker(style: Style, size: float = 8) -> Look:
    """Return how a model's marker looks, of `size` points."""
    size = size * {"*": 1.7, "X": 1.15, "P": 1.1}.get(style.marker, 1.0)
    return {"marker": style.marker, "markersize": size, "markeredgecolor": PAPER}


def paint_trade_off(
    figure: Canvas,
    points: Mapping[str, tuple[float, float]],
    styles: Mapping[str, Style],
    kept: Axis,
    forgotten: Axis,
) -> None:
    """Plot what was forgotten against what was kept.

    Args:
        figure: an empty figure.
        points: for each model, its place on the two axes; log10 of a p-value.
        styles: how each model is drawn.
        kept: the horizontal axis.
        forgotten: the vertical one.
    """
    axes = figure.add_subplot()
    xs, ys = zip(*points.values(), strict=True)
    axes.set_xlim(*limits(xs))
    if forgotten.is_p_value:
        p_axis(axes, min(ys))
    else:
        axes.set_ylim(*limits(ys))
    axes.set_xlabel(kept.label)
    axes.set_ylabel(forgotten.label)
    for name, point in points.items():
        axes.plot(*point, linestyle="none", color=styles[name].light, **marker(styles[name]))
    figure.draw_without_rendering()  # names are placed by the pixels of the final layout
    label_points(axes, points)


def limits(values: Sequence[float]) -> tuple[float, float]:
    """Return an axis's ends, with room around the values."""
    margin = max(0.03, 0.12 * (max(values) - min(values)))
    low, high = min(values) - margin, max(values) + margin
    # A share, which most metrics are, has nothing beyond 0 and 1 to show.
    low = max(-0.02, low) if min(values) >= 0 else low
    return low, min(1.02, high) if max(values) <= 1 else high


def paint_history(
    figure: Canvas,
    histories: Mapping[str, Sequence[Mapping[str, Json]]],
    references: Mapping[str, Sequence[float]],
    styles: Mapping[str, Style],
    shown: Sequence[Axis],
) -> None:
    """Plot metrics over epochs, side by side.

    Args:
        figure: an empty figure.
        histories: for each model, its records with `epoch` and the metrics.
        references: the metrics of Original and Retrain, drawn as level lines; not of p-values,
            which compare with Retrain.
        styles: how each model is drawn.
        shown: the metrics.
    """
    for place, (plot, axis) in enumerate(zip(figure.subplots(1, len(shown)), shown, strict=True)):
        lowest = 0.0
        for name, records in histories.items():
            epochs = [float(record["epoch"]) for record in records]
            values = [number(record.get(axis.key)) for record in records]
            if axis.is_p_value:
                values = [_log10(value) for value in values]
                lowest = min([lowest, *(value for value in values if not math.isnan(value))])
            look = {"color": styles[name].light, "linewidth": 1.6, **marker(styles[name], 6)}
            plot.plot(epochs, values, **look)
        if axis.is_p_value:
            p_axis(plot, lowest)
        else:
            for name, levels in references.items():
                if not math.isnan(levels[place]):
                    plot.axhline(levels[place], **_level(name, styles[name]), zorder=1)
        plot.set_title(axis.title)
        plot.set_xlabel("Epoch")
        plot.xaxis.get_major_locator().set_params(integer=True)
    names = [*histories, *references]
    figure.legend(
        [_handle(name, styles[name]) for name in names],
        names,
        loc="outside lower center",
        ncols=min(6, len(names)),
        frameon=False,
        fontsize="small",
    )


def _handle(name: str, style: Style) -> Line2D:
    if is_retrain(name) or is_original(name):
        return Line2D([], [], **_level(name, style))
    look: Look = {"color": style.light, "linewidth": 1.6, **marker(style, 6)}
    return Line2D([], [], **look)


def _level(name: str, style: Style) -> Look:
    """How a reference model's level line looks."""
    dashes: Dashes = (0, (3, 1.5)) if is_retrain(name) else (0, (1, 1.5))
    return {"color": style.light, "linewidth": 1.2, "linestyle": dashes}


def _log10(value: float) -> float:
    """Take log10 of a p-value; one too small for a float has no place on the axis."""
    return math.log10(value) if value > 0 else math.nan
