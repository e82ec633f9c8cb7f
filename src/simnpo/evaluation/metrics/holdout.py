"""What a holdout set allows: answers that come out as often on it show nothing."""

import numpy as np

from simnpo.benchmarks.own import FORGET, HOLDOUT
from simnpo.evaluation.metrics.own_evaluation import OwnEvaluation, short
from simnpo.evaluation.metrics.verdict_rules import HOLDOUT_MOST, STILL_OUT


def allowed(before: OwnEvaluation, share: str, rows: int) -> float:
    """Return how many answers may still come out."""
    most = STILL_OUT * before.count(FORGET, share)[0]
    if f"{HOLDOUT}.{share}" in before.counts:
        count, total = before.count(HOLDOUT, share)
        limit = HOLDOUT_MOST * before.count(FORGET, share)[0]
        most = max(most, min(count / total * rows, limit))
    return most


def holdout_level(before: OwnEvaluation) -> float:
    """Return the probability of the true answers that the holdout set allows; NaN without one."""
    known = before.mean(f"{HOLDOUT}.probability")
    return float(np.minimum(known, HOLDOUT_MOST * before.mean(f"{FORGET}.probability")))


def holdout_caution(before: OwnEvaluation) -> str:
    """Name a holdout set that the original model answers at least half as well as the forget set.

    Empty where it does not.
    """
    if f"{HOLDOUT}.probability" not in before.metrics:
        return ""
    likely, known = (before.mean(f"{name}.probability") for name in (FORGET, HOLDOUT))
    if f"{HOLDOUT}.extracted" in before.counts:
        out, rows = before.count(FORGET, "extracted")
        count, total = before.count(HOLDOUT, "extracted")
        if count and count * rows >= HOLDOUT_MOST * out * total:
            return (
                f"{count} of {total} answers to the holdout set came out before unlearning: use "
                "rows that the model has not seen and cannot guess."
            )
    if known >= HOLDOUT_MOST * likely:
        return (
            f"Before unlearning the answers to the holdout set had probability {short(known)}, "
            f"those to forget {short(likely)}: use rows that the model has not seen and cannot "
            "guess."
        )
    return ""
