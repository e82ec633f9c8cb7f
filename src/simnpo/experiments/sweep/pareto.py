"""Which of many settings nothing else beats, and which of these to take."""

import math

import numpy as np
from jaxtyping import Bool, Float

from simnpo.evaluation.suites.display import Axis

KEEP = 0.9
"""Share of what Original keeps that a picked setting keeps at least, where nothing else is asked.
"""


def pareto_front(
    forgotten: Float[np.ndarray, " settings"], kept: Float[np.ndarray, " settings"]
) -> Bool[np.ndarray, " settings"]:
    """Tell of each setting whether no other is at least as good on both and better on one.

    Higher is better on both. A setting with a NaN is not on the front and beats nothing.
    """
    # [a, b] compares setting b with setting a.
    as_good = (forgotten >= forgotten[:, None]) & (kept >= kept[:, None])
    better = (forgotten > forgotten[:, None]) | (kept > kept[:, None])
    known = ~np.isnan(forgotten) & ~np.isnan(kept)
    front: Bool[np.ndarray, " settings"] = known & ~(as_good & better).any(axis=1)
    return front


def score_of(axis: Axis, value: float) -> float:
    """Return a value of an axis so that higher is better: where 0 is the aim, minus its size."""
    return -abs(value) if axis.aims_at_zero else value


def select_setting(
    forgotten: Float[np.ndarray, " settings"],
    kept: Float[np.ndarray, " settings"],
    original: float,
    keep: float = KEEP,
) -> int | None:
    """Return the place of the setting to take.

    Of the settings that keep at least `keep` of what Original does, the one that is best on what
    was forgotten; where none keeps that much, or Original's value is NaN, the one that keeps most.

    Returns:
        None where no setting has both values.
    """
    known = ~np.isnan(forgotten) & ~np.isnan(kept)
    if not known.any():
        return None
    enough = known & (kept >= keep * original)
    if math.isnan(original) or not enough.any():
        return int(np.argmax(np.where(known, kept, -np.inf)))
    return int(np.argmax(np.where(enough, forgotten, -np.inf)))
