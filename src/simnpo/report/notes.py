"""What a reader must know about the numbers, above all why one is missing."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.suites import display_of
from simnpo.evaluation.suites.display import Column
from simnpo.report.numbers import number


class Note(NamedTuple):
    """One note and the models it is about; none of them means all."""

    names: tuple[str, ...]
    text: str


def notes(evaluations: Sequence[Evaluation]) -> list[Note]:
    """Collect the evaluations' own notes, each once, and those that follow from comparing them."""
    view = display_of(evaluations)
    collected = [Note((), text) for text in view.notes(evaluations)]
    by_text: dict[str, list[str]] = {}
    for evaluation in evaluations:
        own = [str(note) for note in evaluation.summary.get("notes") or []]
        for text in own + _unexplained(evaluation, view.columns, explained=bool(own)):
            by_text.setdefault(text, []).append(evaluation.name)
    collected += [Note(tuple(names), text) for text, names in by_text.items()]
    return collected


def _unexplained(evaluation: Evaluation, columns: Sequence[Column], explained: bool) -> list[str]:
    """Name the missing metrics of an evaluation that says nothing about them."""
    metrics = evaluation.summary["metrics"]
    missing = [c.name for c in columns if math.isnan(number(metrics.get(c.key)))]
    if explained or not missing:
        return []
    return [f"Missing without a reason in the evaluation: {', '.join(missing)}."]
