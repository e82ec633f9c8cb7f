"""Metrics along steps (epochs of an attack, bits, stages): means over seeds, drawn as lines."""

import math
import sys
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from simnpo.evaluation.suites.display import Column, SuiteDisplay
from simnpo.report.canvas import Canvas, Dashes, Look
from simnpo.report.colours import Style, is_retrain
from simnpo.report.finding import Figure, Finding
from simnpo.report.numbers import written
from simnpo.report.plain_text import lower_first, upper_first
from simnpo.report.trade_off import marker, p_axis

LARGE_TITLE, SMALL_TITLE = 56, 34
"""Letters of a line of a panel's title, where it has half the page's width, and a quarter."""
COLUMNS = ("model", "series", "seed", "step", "metric", "value")
"""a table of curves: a row per model, series, seed, step and metric; NaN where there is no value.
"""


class Spread(NamedTuple):
    """A value over seeds."""

    mean: float
    """NaN where a seed has no value; of p-values the geometric mean."""
    low: float
    """The lowest seed's value."""
    high: float
    """The highest seed's value."""
    seeds: int


MISSING = Spread(math.nan, math.nan, math.nan, 0)


def summarize_seeds(values: Sequence[float], is_p_value: bool = False) -> Spread:
    """Return mean and range of `values`; all NaN where one is NaN or there is none.

    p-values lie orders of magnitude apart, so their mean is taken of their logarithms.
    """
    if not len(values) or np.isnan(values).any():
        return MISSING
    mean = float(10 ** np.mean(logarithms(values)) if is_p_value else np.mean(values))
    return Spread(mean, float(np.min(values)), float(np.max(values)), len(values))


def logarithms(p_values: Any) -> Any:
    """Return log10 of p-values; one that is 0, since the float ran out, counts as the smallest."""
    return np.log10(np.maximum(p_values, sys.float_info.min))


class Panel(NamedTuple):
    """One metric of one series, as a panel of a figure."""

    title: str
    key: str
    series: str
    is_p_value: bool = False


class Steps(NamedTuple):
    """What the horizontal axis counts."""

    label: str
    names: tuple[str, ...] = ()
    """Names of the steps 0, 1, ...; without them they are numbers."""


def headline(view: SuiteDisplay, curve: pd.DataFrame) -> list[Panel]:
    """Return what was forgotten and what was kept, those that have a value, of each series."""
    known = set(curve.loc[curve["value"].notna(), "metric"])
    return [
        Panel(f"{axis.title}, {one}" if one else axis.title, axis.key, str(one), axis.is_p_value)
        for one in curve["series"].unique()
        for axis in (view.forgotten, view.kept)
        if axis.key in known
    ]


def shown_columns(view: SuiteDisplay, curve: pd.DataFrame) -> list[Column]:
    """Return the columns of the printed table that have a value in `curve`."""
    known = set(curve.loc[curve["value"].notna(), "metric"])
    return [column for column in view.columns if column.printed and column.key in known]


def headline_part(
    title: str, name: str, curve: pd.DataFrame, view: SuiteDisplay, steps: Steps, more: str
) -> Finding:
    """Return what was forgotten and what was kept as a figure, or that neither was measured.

    Args:
        title: the part's.
        name: the figure's.
        curve: a table with `COLUMNS`.
        view: how the metrics are shown.
        steps: the horizontal axis.
        more: what the caption says besides what is drawn.
    """
    forgotten, kept = view.forgotten.title, lower_first(view.kept.title)
    panels = headline(view, curve)
    if not panels:
        neither = f"Neither {lower_first(forgotten)} nor {kept} was measured"
        return Finding(title=title, summary=(f"{neither}: the [notes](#notes) say why.",))
    caption, across = f"{forgotten} and {kept}{more}", min(2, len(panels))
    return Finding(title=title, figures=(_figure(name, curve, panels, steps, caption, across),))


def metrics_part(
    name: str, curve: pd.DataFrame, columns: Sequence[Column], steps: Steps
) -> Finding:
    """Return a figure of every column for each series, `name` and the series its name."""
    figures = [
        _figure(
            f"{name}-{one}" if one else name,
            curve,
            [Panel(column.name, column.key, one, column.kind == "p_value") for column in columns],
            steps,
            "The rows of the table." if one else "The rows of the table above.",
            across=4,
        )._replace(title=upper_first(one))
        for one in map(str, curve["series"].unique())
    ]
    return Finding(title="Every metric", figures=tuple(figures))


def _figure(
    name: str,
    curve: pd.DataFrame,
    panels: Sequence[Panel],
    steps: Steps,
    caption: str,
    across: int,
) -> Figure:
    """Return each panel's metric over steps: a line per model, over seeds its mean and range."""
    rows = math.ceil(len(panels) / across)
    width, height = (4.7, 3.3) if across <= 2 else (2.7, 2.1)
    return Figure(
        name,
        (width * across, height * rows + 0.5),
        caption,
        f"{', '.join(panel.title for panel in panels)} over {steps.label.lower()}. "
        f"{_in_words(curve, panels[:1])}",
        tuple(str(one) for one in curve["model"].unique()),
        lambda figure, styles: _paint(figure, curve, panels, steps, styles, (rows, across)),
    )


def _in_words(curve: pd.DataFrame, panels: Sequence[Panel]) -> str:
    summary = []
    for panel in panels:
        for model, own in _of(curve, panel).groupby("model", sort=False):
            lines = _line(own, panel.is_p_value)
            kind = "p_value" if panel.is_p_value else "fixed"
            values = ", ".join(written(one.mean, kind) for one in lines.values())
            summary.append(f"{panel.title}, {model}: {values}.")
    return " ".join(summary)


def _of(curve: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    return curve[(curve["metric"] == panel.key) & (curve["series"] == panel.series)]


def _line(own: pd.DataFrame, is_p_value: bool) -> dict[int, Spread]:
    """Return a model's values over steps."""
    grouped = own.sort_values("step").groupby("step")["value"]
    return {int(str(step)): summarize_seeds(list(values), is_p_value) for step, values in grouped}


def _paint(
    figure: Canvas,
    curve: pd.DataFrame,
    panels: Sequence[Panel],
    steps: Steps,
    styles: Mapping[str, Style],
    grid: tuple[int, int],
) -> None:
    plots = figure.subplots(*grid, squeeze=False).flatten()
    large = grid[1] <= 2
    for plot, panel in zip(plots, panels, strict=False):
        lowest = 0.0
        for model, own in _of(curve, panel).groupby("model", sort=False):
            line = _line(own, panel.is_p_value)
            scale = logarithms if panel.is_p_value else float
            mean, low, high = (
                [scale(getattr(one, what)) for one in line.values()]
                for what in ("mean", "low", "high")
            )
            colour = styles[str(model)].light
            plot.plot(list(line), mean, **_look(str(model), styles, 6 if large else 4))
            plot.fill_between(list(line), low, high, color=colour, alpha=0.13, linewidth=0)
            lowest = min([lowest, *(value for value in low if not math.isnan(value))])
        if panel.is_p_value:
            p_axis(plot, lowest)
        title = fill(panel.title, LARGE_TITLE if large else SMALL_TITLE)
        plot.set_title(title, fontsize=10 if large else 8.5)
        plot.set_xlabel(steps.label)
        if steps.names:
            plot.set_xticks(range(len(steps.names)), steps.names)
        else:
            plot.xaxis.get_major_locator().set_params(integer=True)
    for plot in plots[len(panels) :]:
        plot.remove()
    names = [str(name) for name in curve["model"].unique()]
    figure.legend(
        [Line2D([], [], **_look(name, styles, 6)) for name in names],
        names,
        loc="outside lower center",
        ncols=min(6, len(names)),
        frameon=False,
        fontsize="small",
    )


def _look(model: str, styles: Mapping[str, Style], size: float) -> Look:
    dashes: Dashes = (0, (3, 1.5)) if is_retrain(model) else "-"
    style = styles[model]
    return {"color": style.light, "linewidth": 1.6, "linestyle": dashes, **marker(style, size)}
