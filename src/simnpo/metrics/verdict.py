"""Did it forget? One sentence from two evaluations of own data, before unlearning and after.

The rules, in the order they are tried (docs/own-data.md explains them):

- *Nothing known*: before unlearning no answer came out, so there was nothing to forget.
- *Not forgotten*: more than a tenth of what came out before still does, verbatim or as leaked
  identifiers; where there is a holdout set, more than comes out on it.
- *Hidden*: no longer so, but the true answers keep more than a quarter of their probability (and
  more than those of the holdout set have): what was learnt is still there.
- *Damaged*: forgotten, but what must be kept is not: ROUGE-L on trained retain rows or general
  ability fell below `keep` of before, or ROUGE-L on the rows held out is significantly below
  `HELD_OUT_KEEP` of before.
- *Forgotten*: none of these.

A holdout set raises the first two limits to its own level, but to no more than half of before: what
comes out as often on rows that no model has seen shows nothing, and a caution says so.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from simnpo.benchmarks.own import CONTINUED, FORGET, HOLDOUT, KEPT, RETAIN
from simnpo.metrics.intervals import bootstrap_interval
from simnpo.metrics.own import judge_answers
from simnpo.metrics.verdict_rules import (
    HELD_OUT_CAUTION,
    HELD_OUT_KEEP,
    HOLDOUT_MOST,
    KEEP,
    KEPT_ROW,
    STILL_LIKELY,
    STILL_OUT,
    in_words,
)
from simnpo.scoring.tables import Tables

Kind = Literal["forgotten", "not forgotten", "hidden", "damaged", "nothing known"]


KEPT_SHARE = "kept_share"
"""The metric of `kept_share`."""


@dataclass(frozen=True)
class Verdict:
    """Whether unlearning worked, for people who read one line."""

    kind: Kind
    sentence: str
    """With counts, one line."""
    reference: str
    """What it was judged by."""
    damage: tuple[str, ...] = ()
    """What was not kept, one clause each."""
    cautions: tuple[str, ...] = ()
    """What else a reader must know, one sentence each."""
    keep: float = KEEP
    """Share of before that had to be kept."""
    holdout: bool = False
    """Whether a holdout set raised the limits."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that it follows, a sentence each."""
        return in_words(self.keep, self.holdout)

    def record(self) -> dict[str, Any]:
        """Return what `run.json` and `summary.json` hold of it."""
        return asdict(self)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Verdict":
        """Return the verdict of a record, as JSON has it."""
        lists = {name: tuple(record[name]) for name in ("damage", "cautions")}
        return cls(**{**record, **lists})


@dataclass(frozen=True)
class OwnEvaluation:
    """One evaluation of own data, as a verdict reads it."""

    metrics: Mapping[str, float | None]
    counts: Mapping[str, tuple[int, int]]
    tables: Tables

    def count(self, name: str, share: str) -> tuple[int, int]:
        """Return how many of how many answers of a set are so."""
        count, total = self.counts[f"{name}.{share}"]
        return int(count), int(total)

    def mean(self, key: str) -> float:
        """Return a metric; NaN where it is missing."""
        value = self.metrics.get(key)
        return float("nan") if value is None else float(value)


def judge(before: OwnEvaluation, after: OwnEvaluation, keep: float = KEEP) -> Verdict:
    """Return the verdict on a model, from its evaluation and the original model's.

    Args:
        before: the original model on the same sets.
        after: the model that has unlearned.
        keep: share of before that ROUGE-L on retain rows and general ability must keep.
    """
    has_holdout = f"{HOLDOUT}.probability" in before.metrics
    reference = "the model before unlearning"
    if has_holdout:
        reference += " and its answers to the holdout set"
    out_before, rows = before.count(FORGET, "extracted")
    out_after, _ = after.count(FORGET, "extracted")
    kept = _kept_sentence(before, after)
    damage, cautions = _damage(before, after, keep), _cautions(before, after)

    def verdict(kind: Kind, sentence: str) -> Verdict:
        return Verdict(kind, sentence, reference, damage, cautions, keep, has_holdout)

    if not out_before:
        return verdict(
            "nothing known",
            f"NOTHING KNOWN: none of {rows} answers came out before unlearning, and {out_after} do "
            "now; there was nothing to forget, or the prompt is not the one the model learnt with.",
        )
    for share, what in (
        ("verbatim", "still come out word for word"),
        ("leaked", "still give away an identifier"),
    ):
        count, _ = after.count(FORGET, share)
        if count > _allowed(before, share, rows):
            also = f"; {'; '.join(damage)}" if damage else f"; {kept}"
            return verdict(
                "not forgotten", f"NOT FORGOTTEN: {count} of {rows} answers {what}{also}"
            )
    probability = after.mean(f"{FORGET}.probability")
    likely = before.mean(f"{FORGET}.probability")
    level = STILL_LIKELY * likely
    if has_holdout:
        level = max(level, holdout_level(before))
    if not probability <= level:  # a model that gives no numbers has not shown that it forgot
        refused, _ = after.count(FORGET, "refused")
        hides = (
            "the model refuses"
            if 2 * refused >= rows
            else f"{rows - out_after} of {rows} answers no longer come out"
        )
        return verdict(
            "hidden",
            f"HIDDEN: {hides}, but the true answer keeps probability {_short(probability)} "
            f"(before {_short(likely)}); {kept}",
        )
    forgotten = f"{rows - out_after} of {rows} answers no longer come out"
    if damage:
        return verdict("damaged", f"DAMAGED: {'; '.join(damage)}; {forgotten}")
    return verdict("forgotten", f"Forgotten: {forgotten}; {kept}")


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


def _allowed(before: OwnEvaluation, share: str, rows: int) -> float:
    """Return how many answers may still come out."""
    allowed = STILL_OUT * before.count(FORGET, share)[0]
    if f"{HOLDOUT}.{share}" in before.counts:
        count, total = before.count(HOLDOUT, share)
        most = HOLDOUT_MOST * before.count(FORGET, share)[0]
        allowed = max(allowed, min(count / total * rows, most))
    return allowed


def holdout_level(before: OwnEvaluation) -> float:
    """Return the probability of the true answers that the holdout set allows; NaN without one."""
    known = before.mean(f"{HOLDOUT}.probability")
    return float(np.minimum(known, HOLDOUT_MOST * before.mean(f"{FORGET}.probability")))


def _holdout_caution(before: OwnEvaluation) -> str:
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
            f"Before unlearning the answers to the holdout set had probability {_short(known)}, "
            f"those to forget {_short(likely)}: use rows that the model has not seen and cannot "
            "guess."
        )
    return ""


def _kept_set(measured: OwnEvaluation) -> str | None:
    """Return the set that shows what was kept: rows held out, else trained ones."""
    return next((name for name in (KEPT, RETAIN) if f"{name}.rouge_l" in measured.metrics), None)


def _rouge(tables: Tables, name: str) -> "pd.DataFrame":
    answered = set(tables.generations["set"])
    return judge_answers(tables.generations, name if name in answered else name + CONTINUED)


def _kept_sentence(before: OwnEvaluation, after: OwnEvaluation) -> str:
    """Count the answers to be kept that are as good as before."""
    name = _kept_set(after)
    if name is None or _kept_set(before) != name:
        return "no retain set was measured"
    was, now = (_rouge(one.tables, name) for one in (before, after))
    good = now["verbatim"] | (now["rouge_l"] >= KEPT_ROW * was["rouge_l"])
    # Without a word that ROUGE-L compares, only an answer that was right before can be judged.
    known = was["rouge_l"].notna() | was["verbatim"]
    if not known.any():
        return "kept: not known"
    where = "" if name == KEPT else " (rows it was trained to keep)"
    return f"kept: {int(good[known].sum())} of {int(known.sum())}{where}"


def _damage(before: OwnEvaluation, after: OwnEvaluation, keep: float) -> tuple[str, ...]:
    """Name what fell below what is to be kept."""
    found = []
    was, now = (one.mean(f"{RETAIN}.rouge_l") for one in (before, after))
    if now < keep * was:
        found.append(f"ROUGE-L on the retain set fell from {_short(was)} to {_short(now)}")
    ability = after.mean("general.ability")
    if after.metrics.get("general.ability") is not None and not ability >= keep:
        found.append(f"general ability fell to {_short(ability)} of the original's")
    if lost := _held_out_loss(before, after, HELD_OUT_KEEP):
        found.append(lost)
    return tuple(found)


def _held_out_loss(before: OwnEvaluation, after: OwnEvaluation, share: float) -> str:
    """Say how far ROUGE-L on the rows held out fell, where it is significantly below `share`.

    Of each row the shortfall is taken, and of their mean the bootstrap interval over rows.
    """
    if not all(f"{KEPT}.rouge_l" in one.metrics for one in (before, after)):
        return ""
    was, now = (_rouge(one.tables, KEPT)["rouge_l"] for one in (before, after))
    short = (now - share * was).dropna().to_numpy(dtype=np.float64)
    if len(short) < 2 or bootstrap_interval(short)[1] >= 0:
        return ""
    fell = f"{_short(float(was.mean()))} to {_short(float(now.mean()))}"
    return f"ROUGE-L on the {len(short)} retain rows held out fell from {fell}"


def _cautions(before: OwnEvaluation, after: OwnEvaluation) -> tuple[str, ...]:
    """Say what a verdict by leaks, probability and ROUGE-L does not see."""
    found = []
    broken = {}
    for one in (before, after):
        counts = [one.count(FORGET, share) for share in ("empty", "degenerate")]
        broken[id(one)] = sum(count for count, _ in counts), counts[0][1]
    count, rows = broken[id(after)]
    if 2 * count >= rows and count > broken[id(before)][0]:
        found.append(
            f"{count} of {rows} answers to the forget set are empty or repeat themselves: a reader "
            "will see that something was removed."
        )
    if holdout := _holdout_caution(before):
        found.append(holdout)
    damaged = _held_out_loss(before, after, HELD_OUT_KEEP)
    lost = _held_out_loss(before, after, HELD_OUT_CAUTION)
    if lost and not damaged:
        found.append(
            f"{lost}: rows like those to forget lose details unless the model is trained to keep "
            "them, so put every row that must stay exact into --retain."
        )
    if after.metrics.get("general.ability") is None:
        found.append("General ability was not measured.")
    if (kept := _kept_set(after)) is None:
        found.append("There is no retain set, so nothing is known of what was kept.")
    elif np.isnan(after.mean(f"{kept}.rouge_l")):
        found.append(
            "Answers to be kept have no letter and no digit, so ROUGE-L cannot score them: damage "
            "to them shows in general ability and the report's answers alone."
        )
    return tuple(found)


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")
