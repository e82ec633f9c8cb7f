"""Fig. 3a: NPO's gradient weights against answer length in the first epoch."""

from collections.abc import Mapping

from simnpo.evaluation.metrics.intervals import interval
from simnpo.paper.results import Results
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.gradient_weights import (
    NOTE,
    at,
    correlation,
    relative_spread,
    scatter,
    weight_runs,
    weights,
)
from simnpo.report.canvas import Canvas
from simnpo.report.colours import MUTED, Style
from simnpo.report.drawing import tip
from simnpo.report.finding import Column, Figure, Finding, Table, exceeds, row
from simnpo.report.numbers import fixed, with_interval

ABOUT_1 = (0.9, 1.1)
"""Weights that count as about 1; "most" is more than half of them. Set before any was seen."""


def find(results: Results) -> Finding:
    """Plot the first seed's weights, and count those near 1."""
    tables = [at(one, 1) for one in weights(results, "NPO")]
    share = [float(one["weight"].between(*ABOUT_1).mean()) for one in tables]
    rs = [correlation(one) for one in tables]
    means = [float(one["weight"].mean()) for one in tables]
    first, seed = tables[0], results.seeds[0]
    summary = f"{share[0]:.0%} of {len(first)} weights from {ABOUT_1[0]} to {ABOUT_1[1]}"
    r = fixed(rs[0], 2)

    def paint(figure: Canvas, styles: Mapping[str, Style]) -> None:
        axes = figure.add_subplot()
        axes.axhline(1, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        tip(scatter(axes, first, styles["NPO"], 26), f"NPO, epoch 1: {summary}; r = {r}")
        axes.set_ylim(0, max(1.2, float(first["weight"].max()) * 1.05))
        axes.set_xlabel("Answer length (tokens)")
        axes.set_ylabel("Gradient weight")
        axes.set_title(f"NPO, epoch 1: r = {r}")

    columns = (
        Column("share", "About 1", f"Share of weights from {ABOUT_1[0]} to {ABOUT_1[1]}"),
        Column("mean", "Mean", "Mean weight"),
        Column("spread", "SD / mean", "Standard deviation of the weights over their mean"),
        Column("r", "r", "Pearson correlation of weight with answer length"),
    )
    values = {"share": share, "mean": means, "spread": list(map(relative_spread, tables)), "r": rs}
    return Finding(
        tables=(
            Table("weights", "NPO's gradient weights in epoch 1", columns, (row("NPO", values),)),
        ),
        figures=(
            Figure(
                "weights",
                (5.6, 3.8),
                "NPO's gradient weight of each forget example in epoch 1, against its answer's "
                f"length; seed {seed}.",
                f"Scatter plot of gradient weight against answer length: {summary}; Pearson "
                f"correlation {r}.",
                ("NPO",),
                paint,
            ),
        ),
        claims=(
            exceeds(
                "In epoch 1 most of NPO's weights are about 1.",
                (f"Weights from {ABOUT_1[0]} to {ABOUT_1[1]}", "one half"),
                [(one, 0.5) for one in share],
                "the share of weights",
            ),
        ),
        notes=(
            f"Pearson correlation of NPO's weights with answer length in epoch 1: "
            f"{with_interval(interval(rs), 2)} (seeds: {len(rs)}).",
            NOTE,
        ),
    )


STUDY = Study(
    "NPO's weights begin near 1, whatever the example: it begins as gradient ascent.",
    lambda scale, seeds: weight_runs(scale, seeds, ("NPO",)),
    find,
)
