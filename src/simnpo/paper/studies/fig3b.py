"""Fig. 3b: NPO's gradient weights over epochs."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from simnpo.paper.results import Results
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.gradient_weights import NOTE, at, weight_runs, weights
from simnpo.report.canvas import Canvas
from simnpo.report.colours import INK, MUTED, Style
from simnpo.report.drawing import tip
from simnpo.report.finding import Column, Figure, Finding, Table, all_of, exceeds, row
from simnpo.report.truth_ratios import Values

NEAR = 0.1
"""How far from 1 a median near 1 may be; set before any was seen."""
QUARTILES = (0.25, 0.5, 0.75)
COLUMNS = (
    Column("0.25", "Lower quartile", "Lower quartile of the weights"),
    Column("0.5", "Median", "Median of the weights"),
    Column("0.75", "Upper quartile", "Upper quartile of the weights"),
)


def find(results: Results) -> Finding:
    """Draw the first seed's weights as a box per epoch, and compare the medians."""
    tables = weights(results, "NPO")
    epochs = sorted({int(epoch) for epoch in tables[0]["epoch"]})
    last, seed = epochs[-1], results.seeds[0]
    boxes = {epoch: at(tables[0], epoch)["weight"].to_numpy(dtype=float) for epoch in epochs}
    values = {
        epoch: {
            str(q): [float(at(table, epoch)["weight"].quantile(q)) for table in tables]
            for q in QUARTILES
        }
        for epoch in epochs
    }
    begin, end = values[epochs[0]]["0.5"], values[last]["0.5"]
    rows = tuple(row(f"NPO, epoch {epoch}", own) for epoch, own in values.items())
    medians = ", ".join(f"{np.median(own):.3g}" for own in boxes.values())
    return Finding(
        tables=(Table("weights", "NPO's gradient weights over epochs", COLUMNS, rows),),
        figures=(
            Figure(
                "boxes",
                (7.0, 3.8),
                "NPO's gradient weights over the forget set in each epoch: median, quartiles, "
                "whiskers to 1.5 times the quartiles' distance, and what lies beyond; "
                f"seed {seed}.",
                f"Box plots of gradient weights; medians of epochs {epochs[0]} to {last}: "
                f"{medians}.",
                ("NPO",),
                partial(_paint, boxes=boxes),
            ),
        ),
        claims=(
            all_of(
                "NPO's weights begin near 1 and decrease later.",
                [
                    exceeds(
                        "",
                        ("Greatest distance from 1", "that of the median in epoch 1"),
                        [(NEAR, abs(one - 1)) for one in begin],
                        "weight",
                    ),
                    exceeds(
                        "",
                        ("Median in epoch 1", f"in epoch {last}"),
                        list(zip(begin, end, strict=True)),
                        "weight",
                    ),
                ],
            ),
        ),
        notes=(NOTE,),
    )


def _paint(figure: Canvas, styles: Mapping[str, Style], boxes: Mapping[int, Values]) -> None:
    axes, colour = figure.add_subplot(), styles["NPO"].light
    axes.axhline(1, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    drawn = axes.boxplot(
        list(boxes.values()),
        positions=list(boxes),
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": colour, "alpha": 0.55, "edgecolor": colour},
        medianprops={"color": INK, "linewidth": 1.4},
        whiskerprops={"color": colour},
        capprops={"color": colour},
        flierprops={
            "marker": ".",
            "markersize": 3,
            "markerfacecolor": colour,
            "markeredgecolor": "none",
            "alpha": 0.6,
        },
    )
    for (epoch, values), patch in zip(boxes.items(), drawn["boxes"], strict=True):
        lower, median, upper = np.quantile(values, QUARTILES)
        tip(patch, f"NPO, epoch {epoch}: median {median:.3g}, quartiles {lower:.3g} to {upper:.3g}")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Gradient weight")


STUDY = Study(
    "NPO's weights are near 1 in the first epoch, and decrease only later.",
    lambda scale, seeds: weight_runs(scale, seeds, ("NPO",)),
    find,
)
