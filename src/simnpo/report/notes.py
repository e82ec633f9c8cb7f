"""What a reader must know beside the numbers, above all why one is missing."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from simnpo.report.numbers import number
from simnpo.report.table import COLUMNS, MEANS, aggregation
from simnpo.scoring.evaluation import Evaluation


class Note(NamedTuple):
    """One note and the models it is about; none of them means all."""

    names: tuple[str, ...]
    text: str


def notes(evaluations: Sequence[Evaluation]) -> list[Note]:
    """Collect the evaluations' own notes, each once, and those that follow from comparing them."""
    means = aggregation(evaluations)
    collected = [
        Note((), f"Truth ratios aggregate the wrong answers by their {MEANS.get(means, means)}.")
    ]
    by_text: dict[str, list[str]] = {}
    for evaluation in evaluations:
        own = [str(note) for note in evaluation.summary.get("notes") or []]
        for text in own + _unexplained(evaluation, explained=bool(own)):
            by_text.setdefault(text, []).append(evaluation.name)
    collected += [Note(tuple(names), text) for text, names in by_text.items()]
    items = {
        int(evaluation.summary["forget_quality_items"]): evaluation.name
        for evaluation in evaluations
        if evaluation.summary.get("forget_quality_items") is not None
    }
    if len(items) > 1:
        listed = ", ".join(f"{count} ({name})" for count, name in sorted(items.items()))
        text = f"Forget qualities over different numbers of items do not compare: {listed}."
        collected.append(Note((), text))
    return collected


def _unexplained(evaluation: Evaluation, explained: bool) -> list[str]:
    """Name the missing metrics of an evaluation that says nothing about them."""
    metrics = evaluation.summary["metrics"]
    missing = [c.name for c in COLUMNS if math.isnan(number(metrics.get(c.key)))]
    if explained or not missing:
        return []
    return [f"Missing without a reason in the evaluation: {', '.join(missing)}."]
