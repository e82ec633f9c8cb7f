"""How the numbers of a suite of metrics are shown: columns, axes, sets, explanations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float64

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.rouge import rouge_l_recall

NumberKind: TypeAlias = Literal["fixed", "p_value", "logarithm", "percent", "count", "plain"]


class Column(NamedTuple):
    """One metric of the comparison."""

    key: str
    """Name in `summary["metrics"]`."""
    group: str
    short: str
    """Header under the group's."""
    name: str
    """The metric in full."""
    kind: NumberKind = "fixed"
    """How its values are written: three decimals, as a p-value, two decimals, one decimal, `2 of
    30` where the summary has the count, or with the digits it has."""
    printed: bool = True
    """Whether the terminal's and the Markdown table have it."""


class Axis(NamedTuple):
    """A metric as the axis of a plot."""

    key: str
    title: str
    label: str
    """The title with the direction that is better."""
    is_p_value: bool = False
    aims_at_zero: bool = False
    """Whether 0 is best, and not the highest value."""


@dataclass(frozen=True, kw_only=True)
class SuiteDisplay:
    """How evaluations measured by one suite are shown together."""

    columns: tuple[Column, ...]
    caption: Callable[[Sequence[Evaluation]], list[str]]
    """One sentence group an entry: what each column is."""
    legend: str = ""
    """The short headers in a few words: one line on a terminal, with ` (--explain)` after it."""
    forgotten: Axis
    kept: Axis
    sets: Mapping[str, str]
    """Evaluation sets by their name in the tables, and as a reader sees them."""
    short_groups: Mapping[str, str]
    """Groups of columns by a name for narrow terminals."""
    keep: float = 0.9  # simnpo.experiments.sweep.pareto.KEEP
    """Share of what Original keeps that a sweep's picked setting keeps at least."""
    lead: str = ""
    """The report's first sentence; a benchmark's where it is empty."""
    has_truth_ratios: bool = False
    """Whether the report draws the distributions of truth ratios."""
    answers: tuple[str, ...] = ()
    """Sets whose generated answers are shown."""
    answers_shown: int | None = 12
    """Answers shown of each set at most, evenly spaced; None shows all."""
    answer_score: Callable[[Iterable[tuple[str, str]]], Float64[np.ndarray, " pairs"]] = (
        rouge_l_recall
    )
    """From (reference, generated) texts to how much of one is in the other, in [0, 1]."""
    answer_score_name: str = "ROUGE-L recall"
    facts: Callable[[Sequence[Evaluation]], Mapping[str, str]]
    """What else stands at the page's head."""
    notes: Callable[[Sequence[Evaluation]], list[str]] = lambda evaluations: []
    """Notes about how all these numbers were made."""
    asked: Callable[[str], str] = str
    """From a prompt in the tables to what a reader sees of it."""
    answered: Callable[[str, str], str] = lambda name, generated: generated
    """From a set's name and a generated text to what counts of it as the answer."""
