"""Gradient weights of NPO and SimNPO by epoch (Fig. 3a, 3b, 4)."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from simnpo.experiments.run import Run
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.results import Results
from simnpo.paper.scale import Scale, per_seed
from simnpo.report.canvas import Artist, Axes
from simnpo.report.colours import Style

METHODS: Mapping[str, str] = {"NPO": "npo", "SimNPO": "simnpo"}
"""The methods whose gradients weigh examples, by the name that figures give them."""
NOTE = (
    "A weight is that of the training step that met the example, so in epoch 1 only the first "
    "step's examples met the model as it was before unlearning."
)


def weighed(scale: Scale, name: str, seed: int) -> UnlearnRun:
    """Return the run of a method, by its name in figures, that recorded its weights."""
    return scale.unlearned(scale.tofu, METHODS[name], seed)


def weight_runs(scale: Scale, seeds: Sequence[int], names: Sequence[str]) -> list[Run]:
    """Return the runs of methods, by their names in figures."""
    return per_seed(seeds, *(partial(weighed, scale, name) for name in names))


def weights(results: Results, name: str) -> list[pd.DataFrame]:
    """Return a method's weights, a table per seed, see `simnpo.training.gradient_weights`."""
    return [results.weights(weighed(results.scale, name, seed)) for seed in results.seeds]


def at(table: pd.DataFrame, epoch: int) -> pd.DataFrame:
    """Return the rows of one epoch."""
    return table[table["epoch"] == epoch]


def correlation(rows: pd.DataFrame) -> float:
    """Return Pearson's r of weights with answer lengths; NaN where either does not vary."""
    tokens, values = (rows[name].to_numpy(dtype=float) for name in ("tokens", "weight"))
    if len(rows) < 2 or not np.ptp(tokens) or not np.ptp(values):
        return math.nan
    return float(np.corrcoef(tokens, values)[0, 1])


def relative_spread(rows: pd.DataFrame) -> float:
    """Return the weights' standard deviation over their mean: 0 where all are alike."""
    values = rows["weight"].to_numpy(dtype=float)
    return float(np.std(values) / np.mean(values)) if np.mean(values) else math.nan


def scatter(axes: Axes, rows: pd.DataFrame, style: Style, size: float, scale: float = 1) -> Artist:
    """Plot weights, times `scale`, against answer lengths; return the points."""
    return axes.scatter(
        rows["tokens"],
        rows["weight"] * scale,
        s=size,
        marker=style.marker,
        color=style.light,
        alpha=0.55,
        linewidths=0,
    )
