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
from typing import Literal

import numpy as np

from simnpo.benchmarks.own import FORGET, HOLDOUT
from simnpo.evaluation.metrics.holdout import allowed, holdout_caution, holdout_level
from simnpo.evaluation.metrics.kept import damage_of, held_out_loss, kept_sentence, kept_set
from simnpo.evaluation.metrics.own_evaluation import OwnEvaluation, short
from simnpo.evaluation.metrics.verdict_rules import (
    HELD_OUT_CAUTION,
    HELD_OUT_KEEP,
    KEEP,
    STILL_LIKELY,
    in_words,
)
from simnpo.storage.json_values import Json

Kind = Literal["forgotten", "not forgotten", "hidden", "damaged", "nothing known"]


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

    def record(self) -> dict[str, object]:
        """Return what `run.json` and `summary.json` hold of it."""
        return asdict(self)

    @classmethod
    def of_record(cls, record: Mapping[str, Json]) -> "Verdict":
        """Return the verdict of a record, as JSON has it."""
        lists = {name: tuple(record[name]) for name in ("damage", "cautions")}
        return cls(**{**record, **lists})


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
    kept = kept_sentence(before, after)
    damage, cautions = damage_of(before, after, keep), _cautions(before, after)

    def verdict(kind: Kind, sentence: str) -> Verdict:
        return Verdict(kind, sentence, reference, damage, cautions, keep, has_holdout)

    if not out_before:
        return verdict(
            "nothing known",
            f"NOTHING KNOWN: none of {rows} answers came out before unlearning, and {out_after} do "
            "now; there was nothing to forget, or the prompt is not the one the model learnt with",
        )
    for share, what in (
        ("verbatim", "still come out word for word"),
        ("leaked", "still give away an identifier"),
    ):
        count, _ = after.count(FORGET, share)
        if count > allowed(before, share, rows):
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
            f"HIDDEN: {hides}, but the true answer keeps probability {short(probability)} "
            f"(before {short(likely)}); {kept}",
        )
    forgotten = f"{rows - out_after} of {rows} answers no longer come out"
    if damage:
        return verdict("damaged", f"DAMAGED: {'; '.join(damage)}; {forgotten}")
    return verdict("forgotten", f"Forgotten: {forgotten}; {kept}")


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
    if holdout := holdout_caution(before):
        found.append(holdout)
    damaged = held_out_loss(before, after, HELD_OUT_KEEP)
    lost = held_out_loss(before, after, HELD_OUT_CAUTION)
    if lost and not damaged:
        found.append(
            f"{lost}: rows like those to forget lose details unless the model is trained to keep "
            "them, so put every row that must stay exact into --retain."
        )
    if after.metrics.get("general.ability") is None:
        found.append("General ability was not measured.")
    if (kept := kept_set(after)) is None:
        found.append("There is no retain set, so nothing is known of what was kept.")
    elif np.isnan(after.mean(f"{kept}.rouge_l")):
        found.append(
            "Answers to be kept have no letter and no digit, so ROUGE-L cannot score them: damage "
            "to them shows in general ability and the report's answers alone."
        )
    return tuple(found)
