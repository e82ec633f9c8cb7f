"""Fig. 4: gradient weights of NPO and SimNPO against answer length, by epoch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd

from simnpo.paper.results import Results
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.gradient_weights import (
    METHODS,
    NOTE,
    at,
    correlation,
    relative_spread,
    scatter,
    weight_runs,
    weights,
)
from simnpo.report.canvas import Canvas
from simnpo.report.colours import Style
from simnpo.report.drawing import tip
from simnpo.report.finding import Claim, Column, Figure, Finding, Table, all_of, exceeds, row
from simnpo.report.numbers import fixed

RESCALED = {"SimNPO": 10}
"""What weights are multiplied by in the figure, as the paper does."""

Values = Mapping[str, Mapping[int, Sequence[float]]]
"""By method and epoch, a value per seed."""


def find(results: Results) -> Finding:
    """Plot the first seed's weights; tabulate correlation and spread over all seeds."""
    tables = {name: weights(results, name) for name in METHODS}
    last = int(tables["NPO"][0]["epoch"].max())
    epochs = tuple(sorted({epoch for epoch in (1, 2, 3, last) if epoch <= last}))

    def by_epoch(measure: Callable[[pd.DataFrame], float]) -> Values:
        return {
            name: {epoch: [measure(at(one, epoch)) for one in own] for epoch in epochs}
            for name, own in tables.items()
        }

    rs, spreads = by_epoch(correlation), by_epoch(relative_spread)
    first = {
        name: {epoch: (at(own[0], epoch), rs[name][epoch][0]) for epoch in epochs}
        for name, own in tables.items()
    }
    described = "; ".join(
        f"{name} " + ", ".join(f"epoch {epoch}: {fixed(r, 2)}" for epoch, (_, r) in own.items())
        for name, own in first.items()
    )
    return Finding(
        tables=(
            _table("correlation", "Pearson correlation of weight with answer length", rs),
            _table("spread", "Standard deviation of the weights over their mean", spreads),
        ),
        figures=(
            Figure(
                "weights",
                (2.5 * len(epochs) + 0.6, 4.8),
                "Gradient weights against answer length; above, Pearson's r. SimNPO's are "
                f"shown times {RESCALED['SimNPO']}. Seed {results.seeds[0]}.",
                "Scatter plots of gradient weight against answer length. Pearson correlation: "
                f"{described}.",
                tuple(METHODS),
                partial(_paint, panels=first),
            ),
        ),
        claims=_claims(rs, spreads, last),
        notes=(
            NOTE,
            "How uniform weights are is their standard deviation over their mean, which does not "
            "depend on their size; the weights of both methods shrink as the forget set is "
            "forgotten.",
        ),
    )


def _table(name: str, title: str, values: Values) -> Table:
    epochs = list(values["NPO"])
    columns = tuple(Column(str(epoch), f"Epoch {epoch}", f"Epoch {epoch}") for epoch in epochs)
    rows = tuple(
        row(method, {str(epoch): own[epoch] for epoch in epochs}) for method, own in values.items()
    )
    return Table(name, title, columns, rows)


def _claims(rs: Values, spreads: Values, last: int) -> tuple[Claim, ...]:
    def spread_above(text: str, more: tuple[str, int], less: tuple[str, int]) -> Claim:
        names = [f"{name} in epoch {epoch}" for name, epoch in (more, less)]
        ones, others = (spreads[name][epoch] for name, epoch in (more, less))
        pairs = list(zip(ones, others, strict=True))
        return exceeds(text, (names[0], names[1]), pairs, "standard deviation over mean")

    own = rs["SimNPO"]
    lengths = [(abs(one), abs(other)) for one, other in zip(own[1], own[last], strict=True)]
    return (
        all_of(
            "In the first two epochs SimNPO's weights are larger for shorter answers.",
            [
                exceeds(
                    "",
                    ("No correlation", f"SimNPO in epoch {epoch}"),
                    [(0.0, r) for r in own[epoch]],
                    "Pearson's r",
                )
                for epoch in (1, 2)
                if epoch in own
            ],
        ),
        exceeds(
            "In the last epoch SimNPO's weights depend less on answer length than in the first.",
            ("epoch 1", f"epoch {last}"),
            lengths,
            "the size of SimNPO's Pearson's r",
        ),
        spread_above(
            "SimNPO's weights are more uniform in the last epoch than in the first.",
            ("SimNPO", 1),
            ("SimNPO", last),
        ),
        spread_above(
            "In epoch 1 NPO's weights are more uniform than SimNPO's.", ("SimNPO", 1), ("NPO", 1)
        ),
        spread_above(
            "NPO's weights tell examples apart in the last epoch more than in the first.",
            ("NPO", last),
            ("NPO", 1),
        ),
    )


def _paint(
    figure: Canvas,
    styles: Mapping[str, Style],
    panels: Mapping[str, Mapping[int, tuple[pd.DataFrame, float]]],
) -> None:
    columns = len(next(iter(panels.values())))
    grid = figure.subplots(len(panels), columns, sharex=True, sharey="row", squeeze=False)
    for line, (name, own) in zip(grid, panels.items(), strict=True):
        factor = RESCALED.get(name, 1)
        for axes, (epoch, (rows, r)) in zip(line, own.items(), strict=True):
            words = f"r = {fixed(r, 2)}"
            points = scatter(axes, rows, styles[name], 14, factor)
            tip(points, f"{name}, epoch {epoch}: {words}, mean weight {rows['weight'].mean():.2g}")
            axes.set_title(f"{name}, epoch {epoch}")
            axes.set_title(words, loc="right", fontsize="small")
        line[0].set_ylim(bottom=0)
        line[0].set_ylabel("Weight" + (f" × {factor}" if factor != 1 else ""))
    for axes in grid[-1]:
        axes.set_xlabel("Answer length (tokens)")


STUDY = Study(
    "SimNPO weighs short answers more at first and all alike later; NPO begins uniform and tells "
    "examples apart only later.",
    lambda scale, seeds: weight_runs(scale, seeds, tuple(METHODS)),
    find,
)
