"""The study's plots: Fig. 5, the curves over iterations, and the grid of betas."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from simnpo.evaluation.metrics.intervals import interval
from simnpo.paper.markov.panels import PANELS
from simnpo.paper.markov.runs import ORIGINAL, RETRAIN
from simnpo.report.canvas import Artist, Axes, Canvas, Dashes, Look
from simnpo.report.colours import INK, MUTED, PAPER, Style
from simnpo.report.finding import Figure

SETS = {"forget1": "Forget1", "forget2": "Forget2", "retain": "Retain"}
_DASHES: Mapping[str, Dashes] = {"forget1": "-", "forget2": (0, (3, 1.2))}
_LIMITS = {"short": (0.25, 0.52), "unseen": (0.30, 1.02)}
"""Retain distance and forget quality that the paper's panels show."""


def paths_figure(paths: pd.DataFrame) -> Figure:
    """Return Fig. 5: forget quality against retain distance along the paths of NPO and SimNPO.

    Args:
        paths: of the methods by title, at one beta each.
    """
    panels, methods = list(paths["panel"].unique()), set(paths["method"])
    seeds = (
        "Thick: the mean over seeds at each iteration, with its 95 % interval as a band; thin: "
        "each seed. "
    )
    return Figure(
        "paths",
        (4.9 * len(panels), 4.5),
        "Forget quality against retain distance while NPO and SimNPO unlearn, over the range that "
        f"the paper shows. Solid: Forget1; dashed: Forget2. {seeds if _several(paths) else ''}"
        "Hollow: the original model, where every path begins; filled, near the axis: the retrained "
        "model (stars Forget1, circles Forget2).",
        "Forget quality on Forget1 and Forget2 against retain distance along the unlearning paths "
        f"of NPO and SimNPO; {in_words(paths)}.",
        tuple(name for name in ("NPO", "SimNPO") if name in methods),
        lambda figure, styles: _paint_paths(figure, paths, panels, styles),
    )


def _several(paths: pd.DataFrame) -> bool:
    return bool(paths["seed"].nunique() > 1)


def in_words(paths: pd.DataFrame) -> str:
    """Say where each method ends in each panel, on average."""
    ends = paths[paths["iteration"] == paths["iteration"].max()]
    means = ends.groupby(["panel", "method"], sort=False)[["retain", *_DASHES]].mean()
    return "; ".join(
        f"{panel}, {name} ends at retain distance {row.retain:.3f}, Forget1 {row.forget1:.2f}, "
        f"Forget2 {row.forget2:.2f}"
        for (panel, name), row in means.iterrows()
    )


def _paint_paths(
    figure: Canvas, paths: pd.DataFrame, panels: Sequence[str], styles: Mapping[str, Style]
) -> None:
    shown = [name for name in ("NPO", "SimNPO") if name in set(paths["method"])]
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        here = paths[paths["panel"] == panel]
        for name in shown:
            own = here[here["method"] == name]
            for kind, dashes in _DASHES.items():
                _path(axes, own, kind, styles[name].light, dashes)
        for model, face in ((ORIGINAL, PAPER), (RETRAIN, INK)):
            means = here[here["method"] == model].mean(numeric_only=True)
            for kind, marker in (("forget1", "*"), ("forget2", "o")):
                size = 12 if marker == "*" else 7
                axes.plot(
                    means["retain"], means[kind], marker, markersize=size, color=INK,
                    markerfacecolor=face, clip_on=False, zorder=5,
                )  # fmt: skip
        right, top = _LIMITS[panel]
        axes.set(xlim=(0, right), ylim=(0, top))
        axes.set_title(PANELS[panel].title)
        axes.set_xlabel("Retain distance  (← kept)")
        axes.set_ylabel("Forget quality  (forgotten →)")
    handles = [
        Line2D([], [], color=styles[name].light, linewidth=2.2, linestyle=dashes)
        for name in shown
        for dashes in _DASHES.values()
    ]
    labels = [f"{name}, {SETS[kind]}" for name in shown for kind in _DASHES]
    for model, face in (("Original", PAPER), ("Retrain", INK)):
        for kind, marker in (("forget1", "*"), ("forget2", "o")):
            look: Look = {"linestyle": "none", "color": INK, "marker": marker, "markersize": 8}
            handles.append(Line2D([], [], markerfacecolor=face, **look))
            labels.append(f"{model}, {SETS[kind]}")
    _legend(figure, handles, labels)


def _path(axes: Axes, own: pd.DataFrame, kind: str, colour: str, dashes: Dashes) -> None:
    """Draw each seed's path thinly, their mean thickly, and the mean's interval as a band."""
    for _, one in own.groupby("seed"):
        axes.plot(one["retain"], one[kind], color=colour, linewidth=0.6, alpha=0.35, zorder=2)
    means = own.groupby("iteration")[["retain", kind]].mean()
    axes.plot(means["retain"], means[kind], color=colour, linewidth=2.2, linestyle=dashes, zorder=3)
    low, high = _band(own, kind)
    axes.fill_between(means["retain"], low, high, color=colour, alpha=0.13, linewidth=0, zorder=1)


def _band(own: pd.DataFrame, kind: str) -> tuple[list[float], list[float]]:
    intervals = [interval(list(values)) for _, values in own.groupby("iteration")[kind]]
    return [one.low for one in intervals], [one.high for one in intervals]


def curves_figure(paths: pd.DataFrame) -> Figure:
    """Return each test set's distance over iterations, for every method; mean and interval."""
    panels, methods = list(paths["panel"].unique()), dict.fromkeys(paths["method"])
    seeds = "Lines are means over the seeds, bands their 95 % intervals. "
    return Figure(
        "curves",
        (4.9 * len(panels), 7.6),
        "Over iterations: every method at the paper's β, where it has one. Logarithmic axes. "
        f"{seeds if _several(paths) else ''}Dashed: Retrain.",
        "Distance on the retain, Forget1 and Forget2 test sets over the iterations of unlearning, "
        f"logarithmic, mean over seeds with its interval; {in_words(paths)}.",
        tuple(name for name in methods if name not in (ORIGINAL, RETRAIN)),
        lambda figure, styles: _paint_curves(figure, paths, panels, styles),
    )


def _paint_curves(
    figure: Canvas, paths: pd.DataFrame, panels: Sequence[str], styles: Mapping[str, Style]
) -> None:
    kinds = ("retain", "forget1", "forget2")
    grid = figure.subplots(len(kinds), len(panels), sharex=True, sharey="row", squeeze=False)
    names = [name for name in styles if name in set(paths["method"])]
    for column, panel in enumerate(panels):
        here = paths[paths["panel"] == panel]
        for row, kind in enumerate(kinds):
            axes = grid[row][column]
            for name in names:
                own = here[here["method"] == name]
                means = own.groupby("iteration")[kind].mean()
                colour = styles[name].light
                axes.plot(means.index, means, color=colour, linewidth=1.7)
                low, high = _band(own, kind)
                positive = np.maximum(low, 1e-4)  # an interval may reach below 0, a logarithm not
                axes.fill_between(means.index, positive, high, color=colour, alpha=0.13, lw=0)
            retrain = here.loc[here["method"] == RETRAIN, kind].mean()
            axes.axhline(retrain, color=INK, linewidth=1.1, linestyle=(0, (3, 1.5)))
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(_plain_numbers())
            if column == 0:
                what = "Retain distance" if kind == "retain" else f"Forget quality, {SETS[kind]}"
                axes.set_ylabel(what)
        grid[0][column].set_title(PANELS[panel].title)
        grid[-1][column].set_xlabel("Iteration")
    handles = [Line2D([], [], color=styles[name].light, linewidth=1.7) for name in names]
    handles.append(Line2D([], [], color=INK, linewidth=1.1, linestyle=(0, (3, 1.5))))
    _legend(figure, handles, [*names, "Retrain"])


def grid_figure(reached: pd.DataFrame) -> Figure:
    """Return, for each beta, the retain distance paid to forget as well as the retrained model.

    Args:
        reached: see `simnpo.paper.markov.findings.Reached`, methods by title.
    """
    panels = list(reached["panel"].unique())
    means = reached.groupby(["panel", "method", "beta"], as_index=False)["retain_at_both"].mean()
    summary = "; ".join(" ".join(map(str, row)) for row in means.round(3).to_numpy())
    return Figure(
        "grid",
        (4.9 * len(panels), 3.6),
        "Grid of betas: retain distance where both forget sets reach the retrained model's forget "
        "quality, by β. Lines are means over the seeds, small marks the seeds. A line breaks where "
        "a seed never reached it.",
        f"Retain distance where both forget sets reach the retrained model, by beta. {summary}.",
        tuple(dict.fromkeys(reached["method"])),
        lambda figure, styles: _paint_grid(figure, reached, panels, styles),
    )


def _paint_grid(
    figure: Canvas, reached: pd.DataFrame, panels: Sequence[str], styles: Mapping[str, Style]
) -> None:
    columns = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    names = [name for name in styles if name in set(reached["method"])]
    for axes, panel in zip(columns, panels, strict=True):
        here = reached[reached["panel"] == panel]
        for name in names:
            own, style = here[here["method"] == name], styles[name]
            axes.plot(
                own["beta"], own["retain_at_both"], linestyle="none", marker=style.marker,
                markersize=3.5, color=style.light, alpha=0.5,
            )  # fmt: skip
            means = own.groupby("beta")["retain_at_both"].agg(
                lambda seeds: seeds.mean(skipna=False)
            )
            axes.plot(means.index, means, color=style.light, linewidth=1.7, marker=style.marker)
        axes.set(xscale="log", xlabel="β", title=PANELS[panel].title)
        if reached["retain_at_both"].gt(0).any():  # a logarithm needs a value
            axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(_plain_numbers())
    columns[0].set_ylabel("Retain distance at the\nretrained model's forget quality")
    handles = [
        Line2D([], [], color=styles[name].light, linewidth=1.7, marker=styles[name].marker)
        for name in names
    ]
    _legend(figure, handles, names)


def _plain_numbers() -> FuncFormatter:
    """Label a logarithmic axis without the mathematical text that a page's SVG cannot show."""
    return FuncFormatter(lambda value, _: f"{value:g}")


def _legend(figure: Canvas, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize="small",
        labelcolor=MUTED,
        handlelength=2.6,
    )
