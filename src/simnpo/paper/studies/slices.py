"""Forget quality on the two halves of a forget set (Fig. 1b, Fig. 2, Table A2)."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from simnpo.evaluation.metrics.forget_quality import ForgetQuality
from simnpo.evaluation.tables import ANSWER
from simnpo.experiments.benchmark_setup import BenchmarkSetup
from simnpo.experiments.run import Run
from simnpo.paper.results import Results, noise_runs
from simnpo.report.canvas import Canvas, Dashes
from simnpo.report.colours import MUTED, Style, is_retrain
from simnpo.report.curves import logarithms
from simnpo.report.drawing import tip
from simnpo.report.finding import Column, Figure, Row, Table, row
from simnpo.report.numbers import fixed, p_value
from simnpo.report.truth_ratios import Values, ratio_axes, steps

DRAWN = ("Retrain", "NPO", "SimNPO")
"""Models that the figures show, as the paper's do."""
UTILITY = Column("model_utility", "MU", "Model utility", better="higher")


class Half(NamedTuple):
    """A half of the forget set."""

    key: str
    name: str
    """As in "on the shortest half"."""
    items: Callable[[int], Sequence[int]]
    """Its items, by seed: places in the forget set."""


@dataclass(frozen=True)
class Halves:
    """Models held against Retrain on either half of a forget set."""

    results: Results
    site: BenchmarkSetup
    halves: tuple[Half, Half]
    models: Mapping[str, Callable[[int], Run]]
    """Runs by the model's name, from a seed."""

    def qualities(self, model: str, half: int) -> list[ForgetQuality]:
        """Return a model's forget quality on half 0 or 1, seed by seed."""
        results, made = self.results, self.models[model]
        return [
            results.slice_quality(
                made(seed),
                results.scale.retrain(self.site, seed),
                self.halves[half].items(seed),
            )
            for seed in results.seeds
        ]

    def p_values(self, model: str, half: int) -> list[float]:
        """Return `qualities`' p-values."""
        return [one.p_value for one in self.qualities(model, half)]

    def gaps(self, model: str) -> list[float]:
        """Return the distance between a model's forget qualities on the halves, seed by seed."""
        pairs = zip(self.p_values(model, 0), self.p_values(model, 1), strict=True)
        return [abs(first - second) for first, second in pairs]

    def table(self, name: str, title: str, paper: Mapping[str, Mapping[str, float]]) -> Table:
        """Return a row per model with forget quality on either half, and model utility."""
        columns = [column for half in self.halves for column in _columns(half)]
        gap = Column("gap", "|ΔFQ|", "Distance between the two forget qualities", better="lower")
        rows = tuple(self._row(model) for model in self.models)
        return Table(name, title, (*columns, gap, UTILITY), rows, paper)

    def _row(self, model: str) -> Row:
        made, results = self.models[model], self.results
        values: dict[str, Sequence[float]] = {}
        for number, half in enumerate(self.halves):
            found = self.qualities(model, number)
            values[f"{half.key}.fq"] = [one.p_value for one in found]
            values[f"{half.key}.ks"] = [one.statistic for one in found]
            values[f"{half.key}.log10_p"] = logarithms([one.p_value for one in found]).tolist()
        values["gap"] = self.gaps(model)
        values[UTILITY.key] = [results.metric(made(seed), UTILITY.key) for seed in results.seeds]
        return row(model, values)

    def floor_note(self) -> str:
        """Say in a sentence what two Retrain models get against each other on the halves."""
        results = self.results
        runs = noise_runs(results.scale, self.site, results.seeds)
        summary = []
        for half in self.halves:
            found = [results.slice_quality(a, b, half.items(a.seed)) for a, b in pairwise(runs)]
            listed = ", ".join(f"{one.p_value:.2f}" for one in found)
            summary.append(f"{listed} on the {half.name} half ({found[0].items} items)")
        return (
            f"Noise floor by half: Retrain models of neighbouring seeds get {'; '.join(summary)}. "
            "p-values of halves do not compare with those of the whole set."
        )

    def figure(self, name: str, caption: str) -> Figure:
        """Return the truth ratios of the first seed: a panel per half, a curve per model."""
        results = self.results
        seed = results.seeds[0]
        shown = [model for model in self.models if model in DRAWN]
        panels = []
        for number, half in enumerate(self.halves):
            drawn: dict[str, tuple[Values, str]] = {}
            for model in shown:
                log_ratios = results.log_ratios(self.models[model](seed))
                values = np.asarray(log_ratios[list(half.items(seed))], dtype=np.float64)
                found = self.qualities(model, number)[0]
                drawn[model] = (
                    values / math.log(10),
                    f"FQ {p_value(found.p_value)}, KS {fixed(found.statistic)}",
                )
            panels.append((f"{half.name[0].upper()}{half.name[1:]} half", drawn))
        described = "; ".join(
            f"{title}: " + ", ".join(f"{model} {summary}" for model, (_, summary) in drawn.items())
            for title, drawn in panels
        )
        return Figure(
            name,
            (8.6, 3.6),
            f"{caption} Seed {seed}; the dashed line is Retrain.",
            f"Cumulative distributions of the truth ratio on two halves of the forget set. "
            f"{described}.",
            tuple(shown),
            partial(_paint, panels=panels),
        )


def _columns(half: Half) -> tuple[Column, Column, Column]:
    what = f"on the {half.name} half"
    return (
        Column(f"{half.key}.fq", f"FQ {half.key}", f"Forget quality {what}", "p_value", "higher"),
        Column(f"{half.key}.ks", f"KS {half.key}", f"Kolmogorov–Smirnov statistic {what}", "fixed"),
        Column(
            f"{half.key}.log10_p",
            f"log₁₀ p {half.key}",
            f"Base-10 logarithm of forget quality {what}",
            "logarithm",
        ),
    )


def _paint(
    figure: Canvas,
    styles: Mapping[str, Style],
    panels: Sequence[tuple[str, Mapping[str, tuple[Values, str]]]],
) -> None:
    both = figure.subplots(1, len(panels), sharex=True, sharey=True)
    everything = [values for _, drawn in panels for values, _ in drawn.values()]
    retrain = [v for _, drawn in panels for m, (v, _) in drawn.items() if is_retrain(m)]
    for axes, (title, drawn) in zip(both, panels, strict=True):
        lines = {}
        for model, (values, summary) in drawn.items():
            dashes: Dashes = (0, (3, 1.5)) if is_retrain(model) else "-"
            line = steps(axes, values, styles[model].light, 1.8, dashes)
            tip(line, f"{model}, {title[0].lower()}{title[1:]}: {summary}")
            lines[model if is_retrain(model) else f"{model}: {summary}"] = line
        axes.axvline(0, color=MUTED, linewidth=0.6, zorder=1)
        axes.legend(lines.values(), lines, loc="lower right", frameon=False, fontsize="small")
        axes.set_title(title)
        axes.set_xlabel("Truth ratio (log scale)")
    ratio_axes(both[0], everything, np.concatenate(retrain) if retrain else None)
    both[0].set_ylabel("Share of items ≤")


def split_at_middle(
    order: Callable[[int], Sequence[int]], first: tuple[str, str], second: tuple[str, str]
) -> tuple[Half, Half]:
    """Part a forget set in the middle.

    Args:
        order: its items in order, by seed.
        first: key and name of the first half, which has an odd set's smaller part.
        second: key and name of the other.
    """
    return (
        Half(*first, lambda seed: order(seed)[: len(order(seed)) // 2]),
        Half(*second, lambda seed: order(seed)[len(order(seed)) // 2 :]),
    )


def by_length(results: Results, site: BenchmarkSetup) -> tuple[Half, Half]:
    """Halve the forget set by the tokens of its answers; ties by place in the set."""
    order = partial(_sorted, results, site, lambda rows: rows["tokens"])
    return split_at_middle(order, ("short", "shortest"), ("long", "longest"))


def by_memorisation(results: Results, site: BenchmarkSetup) -> tuple[Half, Half]:
    """Halve it by Original's length-normalised probability of the answer, the lower first."""
    order = partial(_sorted, results, site, lambda rows: rows["logprob"] / rows["tokens"])
    return split_at_middle(order, ("weak", "weakly memorised"), ("strong", "strongly memorised"))


def _sorted(
    results: Results,
    site: BenchmarkSetup,
    by: Callable[[pd.DataFrame], "pd.Series[float]"],
    seed: int,
) -> list[int]:
    """Sort the forget set's items by a column of Original's scores of their answers."""
    scores = results.evaluation(results.scale.original(site, seed)).tables.scores
    rows = scores[(scores["set"] == "forget") & (scores["variant"] == ANSWER)]
    return [
        int(item)
        for item in by(rows.set_index("item").sort_index()).sort_values(kind="stable").index
    ]
