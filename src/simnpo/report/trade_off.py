"""Forget quality and model utility: against each other, and over epochs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from simnpo.report.colours import MUTED, PAPER, Style, is_original, is_retrain
from simnpo.report.labels import label_points
from simnpo.report.numbers import number, power_of_ten

_LINEAR_DOWN_TO = 2  # log10 p of 0 to -2, where methods that work differ, is drawn evenly
_P_TICKS = (0, math.log10(0.5), -1, math.log10(0.05), -2, -5, -10, -20, -50, -100, -200, -300)


def _p_axis(axes: Any, lowest: float) -> None:
    """Scale the y axis, whose values are log10 p, as symlog and label it with p."""
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


def _marker(style: Style, size: float = 8) -> dict[str, Any]:
    size = size * {"*": 1.7, "X": 1.15, "P": 1.1}.get(style.marker, 1.0)
    return {"marker": style.marker, "markersize": size, "markeredgecolor": PAPER}


def paint_trade_off(
    figure: Any, points: Mapping[str, tuple[float, float]], styles: Mapping[str, Style]
) -> None:
    """Plot forget quality against model utility.

    Args:
        figure: an empty figure.
        points: for each model, its utility and the base-10 logarithm of its forget quality.
        styles: how each model is drawn.
    """
    axes = figure.add_subplot()
    utilities = [utility for utility, _ in points.values()]
    margin = max(0.03, 0.12 * (max(utilities) - min(utilities)))
    axes.set_xlim(max(-0.01, min(utilities) - margin), min(1.02, max(utilities) + margin))
    _p_axis(axes, min(quality for _, quality in points.values()))
    axes.set_xlabel("Model utility  (kept →)")
    axes.set_ylabel("Forget quality, KS p-value  (forgotten →)")
    for name, point in points.items():
        axes.plot(*point, linestyle="none", color=styles[name].light, **_marker(styles[name]))
    figure.draw_without_rendering()  # names are placed by the pixels of the final layout
    label_points(axes, points)


def paint_history(
    figure: Any,
    histories: Mapping[str, Sequence[Mapping[str, Any]]],
    references: Mapping[str, float],
    styles: Mapping[str, Style],
) -> None:
    """Plot forget quality and model utility over epochs, side by side.

    Args:
        figure: an empty figure.
        histories: for each model, its records with `epoch`, `forget_quality`, `model_utility`.
        references: model utility of Original and Retrain, drawn as level lines.
        styles: how each model is drawn.
    """
    quality, utility = figure.subplots(1, 2)
    lowest = 0.0
    for name, records in histories.items():
        epochs = [float(record["epoch"]) for record in records]
        logs = [_log10(record.get("forget_quality")) for record in records]
        kept = [number(record.get("model_utility")) for record in records]
        lowest = min([lowest, *(value for value in logs if not math.isnan(value))])
        look = {"color": styles[name].light, "linewidth": 1.6, **_marker(styles[name], 6)}
        quality.plot(epochs, logs, **look)
        utility.plot(epochs, kept, **look)
    _p_axis(quality, lowest)
    for name, value in references.items():
        dashes = (0, (3, 1.5)) if is_retrain(name) else (0, (1, 1.5))
        utility.axhline(value, color=styles[name].light, linewidth=1.2, linestyle=dashes, zorder=1)
    quality.set_title("Forget quality (KS p-value)")
    utility.set_title("Model utility")
    for axes in (quality, utility):
        axes.set_xlabel("Epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    shown = [name for name in (*histories, *references)]
    figure.legend(
        [_handle(name, styles[name]) for name in shown],
        shown,
        loc="outside lower center",
        ncols=min(6, len(shown)),
        frameon=False,
        fontsize="small",
    )


def _handle(name: str, style: Style) -> Any:
    if is_retrain(name):
        return Line2D([], [], color=style.light, linewidth=1.2, linestyle=(0, (3, 1.5)))
    if is_original(name):
        return Line2D([], [], color=style.light, linewidth=1.2, linestyle=(0, (1, 1.5)))
    return Line2D([], [], color=style.light, linewidth=1.6, **_marker(style, 6))


def _log10(value: Any) -> float:
    """Take log10 of a p-value; one too small for a float has no place on the axis."""
    return math.log10(value) if value else math.nan
