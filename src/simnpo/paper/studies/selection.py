"""Which epoch of a training is its result: one rule for all methods."""

from collections.abc import Mapping, Sequence

from simnpo.report.numbers import number
from simnpo.storage.json_values import Json

KEEP = 0.9
"""Share of Original's retained knowledge that a picked epoch must keep."""
RULE = (
    "Of the epochs that keep at least 90 % of Original's KnowMem on the retain set, the one whose "
    "PrivLeak is nearest to 0, of equal ones the first; where none keeps that much, the one that "
    "keeps most."
)


def pick_epoch(history: Sequence[Mapping[str, Json]]) -> Mapping[str, Json]:
    """Return the epoch that `RULE` picks.

    The paper "selected the optimal one" of each run's epochs on MUSE (app. I.2) and does not say by
    what; this is a rule in its place.

    Args:
        history: metrics by epoch (`simnpo.evaluation.history`), epoch 0, which is Original, first.
    """
    original, *trained = history
    needed = KEEP * number(original["knowmem_retain"])
    useful = [row for row in trained if number(row["knowmem_retain"]) >= needed]
    if useful:
        return min(useful, key=lambda row: abs(number(row["privleak"])))
    return max(trained, key=lambda row: number(row["knowmem_retain"]))
