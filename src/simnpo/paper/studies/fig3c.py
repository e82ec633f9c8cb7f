"""Fig. 3c: forget quality over epochs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.experiments.run import Run
from simnpo.paper.results import Results, noise_runs
from simnpo.paper.scale import Scale
from simnpo.paper.studies.bands import curve
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.epochs import METHODS, epoch_figure, epoch_runs, over_epochs
from simnpo.report.curves import logarithms
from simnpo.report.finding import Column, Finding, Row, Table, exceeds, row
from simnpo.report.numbers import p_value
from simnpo.report.trade_off import p_axis

FQ, KS, LOG = "forget_quality", "forget_quality_statistic", "forget_quality_log10_p"
COLUMNS = (
    Column(FQ, "FQ", "Forget quality (p-value)", "p_value", "higher"),
    Column(LOG, "log₁₀ p", "Base-10 logarithm of forget quality", "logarithm", "higher"),
    Column(KS, "KS", "Kolmogorov–Smirnov statistic"),
)


def runs(scale: Scale, seeds: Sequence[int]) -> list[Run]:
    """Return the runs with a history, and the noise floor's."""
    return [*epoch_runs(scale, seeds), *noise_runs(scale, scale.tofu, seeds)]


def find(results: Results) -> Finding:
    """Draw log10 p over epochs, and compare the last ones."""
    scale, site = results.scale, results.scale.tofu
    qualities = {name: over_epochs(results, name, FQ) for name in METHODS}
    curves = {name: curve([_log10(one) for one in own]) for name, own in qualities.items()}
    original = [results.metric(scale.original(site, seed), FQ) for seed in results.seeds]
    levels = {"Original": float(np.mean(logarithms(original))), "Retrain": 0.0}
    lowest = min([*levels.values(), *(v.mean for one in curves.values() for v in one.values())])
    ends = [[float(one.iloc[-1]) for one in own] for own in qualities.values()]
    last = int(qualities["NPO"][0].index[-1])
    rows = tuple(line for name in METHODS for line in _rows(results, name))
    return Finding(
        tables=(Table("epochs", f"{site.name}, forget quality over epochs", COLUMNS, rows),),
        figures=(
            epoch_figure(
                curves,
                levels,
                "Forget quality (KS p-value)",
                "Forget quality after each epoch: geometric mean over seeds, with the 95 % "
                "interval of log₁₀ p as a band that ends at p = 1. Retrain's is 1 by definition.",
                _said,
                highest=0.0,
                finish=lambda axes: p_axis(axes, lowest),
            ),
        ),
        claims=(
            exceeds(
                "After the last epoch SimNPO's forget quality is higher than NPO's.",
                ("SimNPO", "NPO"),
                list(zip(ends[1], ends[0], strict=True)),
                f"forget quality after epoch {last}",
            ),
        ),
        notes=(results.floor_note(site),),
    )


def _log10(p_values: "pd.Series[float]") -> "pd.Series[float]":
    return pd.Series(logarithms(p_values.to_numpy()), p_values.index)


def _rows(results: Results, name: str) -> list[Row]:
    """Return a row per epoch; log10 p is that of the p-value, of which none is 0."""
    found = {key: over_epochs(results, name, key) for key in (FQ, KS)}
    found[LOG] = [_log10(one) for one in found[FQ]]
    return [
        row(
            f"{name}, epoch {epoch:g}",
            {key: [one[epoch] for one in own] for key, own in found.items()},
        )
        for epoch in found[FQ][0].index
    ]


def _said(value: Interval) -> str:
    """Write log10 p as p; its interval ends at 1."""
    text = f"FQ {p_value(10**value.mean)}"
    if np.isnan(value.low):
        return text
    return f"{text} ({p_value(10**value.low)} to {p_value(10 ** min(value.high, 0.0))})"


STUDY = Study("SimNPO's forget quality rises above NPO's as epochs go by.", runs, find)
