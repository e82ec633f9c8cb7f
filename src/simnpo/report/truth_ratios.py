"""Distributions of truth ratios, each against Retrain's."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from simnpo.report.canvas import Artist, Axes, Canvas, Dashes, Look
from simnpo.report.colours import INK, MUTED, Style
from simnpo.report.numbers import power_of_ten

Values = npt.NDArray[np.float64]


def paint_truth_ratios(
    figure: Canvas,
    ratios: Mapping[str, Values],
    retrain: Values | None,
    titles: Mapping[str, str],
    styles: Mapping[str, Style],
) -> None:
    """Plot each model's cumulative distribution of truth ratios, Retrain's behind each.

    Args:
        figure: an empty figure.
        ratios: for each model to show, log10 of the truth ratio of each item of the forget set.
        retrain: the same of Retrain, or None.
        titles: a second title line for each model.
        styles: how each model is drawn.
    """
    columns = min(3, len(ratios))
    grid = figure.subplots(
        math.ceil(len(ratios) / columns), columns, sharex=True, sharey=True, squeeze=False
    )
    low, high = _ratio_limits([*ratios.values()], retrain)
    for axes, (name, values) in zip(grid.flat, ratios.items(), strict=False):
        if retrain is not None:
            steps(axes, retrain, INK, 1.2, (0, (3, 1.5)))
            at = largest_gap(values, retrain)
            heights = _share_up_to(values, at), _share_up_to(retrain, at)
            if low < at < high:
                axes.plot([at, at], heights, color=MUTED, linewidth=3.5, alpha=0.45, zorder=2)
        steps(axes, values, styles[name].light, 1.8, "-")
        axes.axvline(0, color=MUTED, linewidth=0.6, zorder=1)
        axes.set_title(f"{name}\n", fontweight="bold")
        axes.annotate(
            titles[name],
            (0, 1),
            xytext=(0, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            color=MUTED,
            fontsize="small",
        )
    ratio_axes(grid.flat[0], [*ratios.values()], retrain)
    for index, axes in enumerate(grid.flat):
        if index >= len(ratios):
            axes.set_visible(False)
        elif index + columns >= len(ratios):
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("Truth ratio (log scale)")
        if index % columns == 0:
            axes.set_ylabel("Share of items ≤")


def ratio_axes(axes: Axes, samples: Sequence[Values], retrain: Values | None) -> None:
    """Set limits and ticks of a panel with distribution functions of log10 truth ratios."""
    low, high = _ratio_limits(samples, retrain)
    axes.set_xlim(low, high)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
    axes.xaxis.set_major_locator(FixedLocator(_ratio_ticks(low, high)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _ratio_tick(x)))
    axes.xaxis.set_minor_locator(NullLocator())


def _ratio_limits(samples: Sequence[Values], retrain: Values | None) -> tuple[float, float]:
    """Show the middle 98 % of each sample, at most tenfold beyond Retrain's.

    A broken model's ratios span hundreds of decades, and would squeeze all others into a line.
    """
    low = min(-0.3, *(float(np.quantile(values, 0.01)) for values in samples))
    high = max(0.3, *(float(np.quantile(values, 0.99)) for values in samples))
    around = np.zeros(1) if retrain is None else retrain
    return (
        max(low, float(np.quantile(around, 0.01)) - 1) - 0.05,
        min(high, float(np.quantile(around, 0.99)) + 1) + 0.05,
    )


def _ratio_ticks(low: float, high: float) -> list[float]:
    """Choose powers of ten, with finer steps between them on a short axis."""
    steps = (1,) if high - low > 2.5 else (1, 3) if high - low > 1.3 else (1, 2, 5)
    ticks = (math.log10(step) + exponent for exponent in range(-8, 8) for step in steps)
    return sorted(tick for tick in ticks if low <= tick <= high)


def _ratio_tick(value: float) -> str:
    return f"{float(f'{10**value:.1g}'):g}" if abs(value) < 2.1 else power_of_ten(round(value))


def steps(axes: Axes, values: Values, colour: str, width: float, dashes: Dashes) -> Artist:
    """Draw the empirical distribution function, from beyond the axis to beyond it; its line."""
    xs = np.concatenate([[-1e4], np.sort(values), [1e4]])
    ys = np.concatenate([[0.0], np.arange(1, len(values) + 1) / len(values), [1.0]])
    look: Look = {"color": colour, "linewidth": width, "linestyle": dashes}
    (line,) = axes.plot(xs, ys, drawstyle="steps-post", **look)
    return line


def _share_up_to(values: Values, at: float) -> float:
    return float(np.mean(values <= at))


def largest_gap(values: Values, others: Values) -> float:
    """Find where the two empirical distribution functions differ most, as the KS test does."""
    places = np.sort(np.concatenate([values, others]))
    shares = [
        np.searchsorted(np.sort(sample), places, side="right") / len(sample)
        for sample in (values, others)
    ]
    return float(places[np.argmax(np.abs(shares[0] - shares[1]))])
