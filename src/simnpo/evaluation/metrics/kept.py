"""What was kept of all that is not to be forgotten, and what was damaged."""

import numpy as np
import pandas as pd

from simnpo.benchmarks.own import CONTINUED, KEPT, RETAIN
from simnpo.evaluation.metrics.intervals import bootstrap_interval
from simnpo.evaluation.metrics.own import judge_answers
from simnpo.evaluation.metrics.own_evaluation import OwnEvaluation, short
from simnpo.evaluation.metrics.verdict_rules import HELD_OUT_KEEP, KEPT_ROW
from simnpo.evaluation.tables import Tables

KEPT_SHARE = "kept_share"
"""The metric of `kept_share`."""


def kept_share(before: OwnEvaluation, after: OwnEvaluation) -> float | None:
    """Return what was kept, in one number: the least of all that is to be kept, 1 for the original.

    That is general ability and ROUGE-L on the trained retain rows as a share of before (1 at most).
    The same of the rows held out counts where it is below `HELD_OUT_KEEP`, as in a verdict: these
    rows lose details first, and settings that do well on all else would look alike.
    None where none of them was measured.
    """
    found = [after.mean("general.ability")]
    for name, least in ((RETAIN, 1.0), (KEPT, HELD_OUT_KEEP)):
        was, now = (one.mean(f"{name}.rouge_l") for one in (before, after))
        share = min(1.0, now / was) if was > 0 else float("nan")
        if share <= least:
            found.append(share)
    known = [value for value in found if not np.isnan(value)]
    return min(known) if known else None


def kept_set(measured: OwnEvaluation) -> str | None:
    """Return the set that shows what was kept: rows held out, else trained ones."""
    return next((name for name in (KEPT, RETAIN) if f"{name}.rouge_l" in measured.metrics), None)


def _rouge(tables: Tables, name: str) -> "pd.DataFrame":
    answered = set(tables.generations["set"])
    return judge_answers(tables.generations, name if name in answered else name + CONTINUED)


def kept_sentence(before: OwnEvaluation, after: OwnEvaluation) -> str:
    """Count the answers to be kept that are as good as before: trained on, and held out."""
    if kept_set(after) is None or kept_set(before) != kept_set(after):
        return "no retain set was measured"
    counts = [
        f"{count} {where}"
        for name, where in ((RETAIN, "trained on"), (KEPT, "held out"))
        if (count := _count_kept(before, after, name))
    ]
    return f"kept: {', '.join(counts)}" if counts else "kept: not known"


def _count_kept(before: OwnEvaluation, after: OwnEvaluation, name: str) -> str:
    """Return `12 of 12`; nothing where the set was not measured or cannot be judged."""
    if not all(f"{name}.rouge_l" in one.metrics for one in (before, after)):
        return ""
    was, now = (_rouge(one.tables, name) for one in (before, after))
    good = now["verbatim"] | (now["rouge_l"] >= KEPT_ROW * was["rouge_l"])
    # Without a word that ROUGE-L compares, only an answer that was right before can be judged.
    known = was["rouge_l"].notna() | was["verbatim"]
    return f"{int(good[known].sum())} of {int(known.sum())}" if known.any() else ""


def damage_of(before: OwnEvaluation, after: OwnEvaluation, keep: float) -> tuple[str, ...]:
    """Name what fell below what is to be kept."""
    found = []
    was, now = (one.mean(f"{RETAIN}.rouge_l") for one in (before, after))
    if now < keep * was:
        found.append(f"ROUGE-L on the retain set fell from {short(was)} to {short(now)}")
    ability = after.mean("general.ability")
    if after.metrics.get("general.ability") is not None and not ability >= keep:
        found.append(f"general ability fell to {short(ability)} of the original's")
    if lost := held_out_loss(before, after, HELD_OUT_KEEP):
        found.append(lost)
    return tuple(found)


def held_out_loss(before: OwnEvaluation, after: OwnEvaluation, share: float) -> str:
    """Say how far ROUGE-L on the rows held out fell, where it is significantly below `share`.

    Of each row the shortfall is taken, and of their mean the bootstrap interval over rows.
    """
    if not all(f"{KEPT}.rouge_l" in one.metrics for one in (before, after)):
        return ""
    was, now = (_rouge(one.tables, KEPT)["rouge_l"] for one in (before, after))
    shortfall = (now - share * was).dropna().to_numpy(dtype=np.float64)
    if len(shortfall) < 2 or bootstrap_interval(shortfall)[1] >= 0:
        return ""
    fell = f"{short(float(was.mean()))} to {short(float(now.mean()))}"
    return f"ROUGE-L on the {len(shortfall)} retain rows held out fell from {fell}"
