"""What the paths say: where a method reaches the retrained model, and whether the claims hold."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from simnpo.evaluation.metrics.intervals import Interval, interval
from simnpo.paper.markov.panels import PANELS
from simnpo.paper.markov.runs import ORIGINAL, RETRAIN

FORGET_SETS = ("forget1", "forget2")
_COMPARED = 50
"""Equal retain distances at which two methods' gaps are compared, evenly spaced."""


class Reached(NamedTuple):
    """One run: what it paid to forget as well as the retrained model, and where it ended."""

    panel: str
    method: str
    beta: float
    """NaN where the method has none."""
    seed: int
    retain_at_forget1: float
    """Retain distance where forget quality on Forget1 first reaches the retrained model's,
    between two iterations by linear interpolation; NaN where it never does."""
    retain_at_forget2: float
    retain_at_both: float
    """The same where the later of the two is reached."""
    final_retain: float
    final_forget1: float
    final_forget2: float


def reached(paths: pd.DataFrame) -> pd.DataFrame:
    """Return a row (see `Reached`) for every run of `paths` but the original and the retrained."""
    rows = []
    for path in each_run(paths):
        panel, method, beta, seed = path[["panel", "method", "beta", "seed"]].iloc[0]
        at = [first_crossing(_values(path, one), _target(paths, path, one)) for one in FORGET_SETS]
        both = math.nan if any(map(math.isnan, at)) else max(at)
        costs = [value_at(_values(path, "retain"), point) for point in (*at, both)]
        finals = [_values(path, name)[-1] for name in ("retain", *FORGET_SETS)]
        rows.append(Reached(panel, method, beta, seed, *costs, *finals))
    return pd.DataFrame(rows, columns=list(Reached._fields))


def each_run(paths: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the path of every unlearning run."""
    unlearned = paths[~paths["method"].isin([ORIGINAL, RETRAIN])]
    keys = ["panel", "method", "beta", "seed"]
    for _, path in unlearned.groupby(keys, sort=False, dropna=False):
        yield path


def at_paper_beta(table: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows are of methods without a beta, or at the paper's for their panel."""
    keys = zip(table["panel"], table["method"], strict=True)
    paper = [PANELS[panel].betas.get(method, math.nan) for panel, method in keys]
    return table["beta"].isna() | (table["beta"] == pd.Series(paper, table.index, dtype=float))


def pick_betas(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return, by panel and method, the beta with the lowest mean retain distance at both.

    The paper selects beta "to optimize the tradeoff between forget quality and retain loss"; this
    is that rule made exact. A beta that misses the retrained model's forget quality at any seed is
    never picked, and where one beta was tried there is nothing to pick.
    """
    picks = {}
    for panel in table["panel"].unique():
        for method in table["method"].unique():
            own = table[(table["panel"] == panel) & (table["method"] == method)]
            betas = own["beta"].dropna().unique()
            costs = {beta: own.loc[own["beta"] == beta, "retain_at_both"] for beta in betas}
            means = {float(b): c.mean() for b, c in costs.items() if not c.isna().any()}
            if len(betas) > 1 and means:
                picks[panel, method] = min(means, key=lambda beta: means[beta])
    return picks


def first_crossing(values: Float[np.ndarray, " points"], target: float) -> float:
    """Return where `values`, linear between the points, first are at least `target`.

    Returns:
        A fractional index from 0; NaN if they never are.
    """
    above = np.flatnonzero(values >= target)
    if not len(above):
        return math.nan
    index = int(above[0])
    if index == 0:
        return 0.0
    before, after = values[index - 1], values[index]
    return index - 1 + float((target - before) / (after - before))


def value_at(values: Float[np.ndarray, " points"], index: float) -> float:
    """Return `values` at a fractional index; NaN at NaN."""
    return float(np.interp(index, np.arange(len(values)), values, left=math.nan, right=math.nan))


class Claim(NamedTuple):
    """A statement of the paper, held against the runs."""

    panel: str
    text: str
    npo: Interval
    simnpo: Interval
    difference: Interval
    """NPO minus SimNPO, paired by seed; the claim says that it is above 0."""
    verdict: str
    """`held`, `not held`, `undecided` (the interval holds 0), or `not testable`."""
    why: str
    """The verdict in one sentence."""


_TEXTS = {
    "short": "To reach the retrained model's forget quality on the short chain, Forget2, NPO pays "
    "a higher retain distance than SimNPO.",
    "unseen": "At equal retain distance, NPO's gap in forget quality between Forget2, which was "
    "never learnt, and Forget1 is larger than SimNPO's.",
}


def claims(paths: pd.DataFrame) -> list[Claim]:
    """Return the paper's claims about Fig. 5 that `paths` can be held against, at its betas."""
    paths = paths[at_paper_beta(paths)]
    made = []
    for panel, text in _TEXTS.items():
        here = paths[paths["panel"] == panel]
        pairs = [
            tuple(here[(here["seed"] == seed) & (here["method"] == m)] for m in ("npo", "simnpo"))
            for seed in here["seed"].unique()
        ]
        if not pairs or any(path.empty for pair in pairs for path in pair):
            continue
        if panel == "short":
            values = [(_cost(here, npo), _cost(here, simnpo)) for npo, simnpo in pairs]
        else:
            values = [mean_gaps(npo, simnpo) for npo, simnpo in pairs]
        made.append(judge(panel, text, values))
    return made


def judge(panel: str, text: str, values: Sequence[tuple[float, float]]) -> Claim:
    """Hold a claim against one pair of values (NPO, SimNPO) per seed."""
    npo, simnpo = (interval(column) for column in zip(*values, strict=True))
    difference = interval([one - other for one, other in values])
    missing = sum(any(map(math.isnan, pair)) for pair in values)
    if missing:
        verdict, why = "not testable", f"{missing} of {len(values)} seeds have no such point."
    elif len(values) == 1:
        verdict = "held" if difference.mean > 0 else "not held"
        why = "One seed: the difference has no interval."
    else:
        verdict = "undecided"
        if difference.low > 0:
            verdict = "held"
        elif difference.high < 0:
            verdict = "not held"
        why = (
            f"Over {len(values)} seeds the difference is {difference.mean:.3g}, 95 % interval "
            f"{difference.low:.3g} to {difference.high:.3g}."
        )
    return Claim(panel, text, npo, simnpo, difference, verdict, why)


def _cost(paths: pd.DataFrame, path: pd.DataFrame) -> float:
    """Return the retain distance at which Forget2 is as forgotten as by the retrained model."""
    point = first_crossing(_values(path, "forget2"), _target(paths, path, "forget2"))
    return value_at(_values(path, "retain"), point)


def mean_gaps(npo: pd.DataFrame, simnpo: pd.DataFrame) -> tuple[float, float]:
    """Return each path's mean gap between Forget1 and Forget2 over the same retain distances.

    They run evenly from where both paths have begun to the nearer of their farthest points; NaN
    where there is nothing between.
    """
    start = max(_values(path, "retain")[0] for path in (npo, simnpo))
    end = min(_values(path, "retain").max() for path in (npo, simnpo))
    if end <= start:
        return math.nan, math.nan
    at = np.linspace(start, end, _COMPARED + 1)[1:]
    one, other = (float(np.mean([gap_at(path, each) for each in at])) for path in (npo, simnpo))
    return one, other


def gap_at(path: pd.DataFrame, retain_distance: float) -> float:
    """Return how far Forget1 and Forget2 are apart where a path first reaches a distance."""
    point = first_crossing(_values(path, "retain"), retain_distance)
    return abs(value_at(_values(path, "forget2") - _values(path, "forget1"), point))


def _values(path: pd.DataFrame, column: str) -> Float[np.ndarray, " points"]:
    return path.sort_values("iteration")[column].to_numpy(dtype=float)


def _target(paths: pd.DataFrame, path: pd.DataFrame, column: str) -> float:
    """Return the retrained model's value at the panel and seed of `path`."""
    same = paths["method"] == RETRAIN
    for key in ("panel", "seed"):
        same &= paths[key] == path[key].iloc[0]
    return float(paths.loc[same, column].item())
