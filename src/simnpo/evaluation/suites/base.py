"""`Suite`: how one kind of benchmark is measured and shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.own import GeneralScores
from simnpo.evaluation.metrics.truth_ratio import Aggregation
from simnpo.evaluation.metrics.verdict_rules import KEEP
from simnpo.evaluation.suites.display import SuiteDisplay
from simnpo.evaluation.tables import Tables


class SuiteResult(NamedTuple):
    """What a suite found in an evaluation's tables; see `summary.json`."""

    metrics: dict[str, float | None]
    """By name; None where a value could not be computed, and a note says why."""
    items: dict[str, int]
    """Items measured, by set."""
    notes: list[str]
    details: Mapping[str, object]
    """What else the numbers depend on."""
    variants: Sequence[dict[str, float | None]] = ()
    """Metrics by other settings, which are kept in `details`."""


class SuiteInputs(NamedTuple):
    """What a suite measures, and what it compares with."""

    tables: Tables
    """The evaluated model's."""
    retain: Tables | None
    """The same of a model trained without the forget set, for metrics that compare with it."""
    aggregation: Aggregation = "geometric"
    """Of TOFU's truth ratios."""
    split: str | None = None
    """The benchmark's split, where it is known."""
    reference: Tables | None = None
    """The tables of the reference attack's model; the retain model's where it is None."""
    utility_sets: tuple[str, ...] = ()
    """Sets that ask for what must be kept, see `Benchmark.utility_sets`."""
    identifiers: Mapping[str, Sequence[tuple[str, ...] | None]] = {}
    """Strings that must not leak, by set and item, see `EvaluationSet.identifiers`."""
    general: GeneralScores | None = None
    """How far the model is from the original one on generic prompts."""
    before: Evaluation | None = None
    """The original model's evaluation on the same sets, for a verdict."""
    keep: float = KEEP
    """Share of before that must be kept, for a verdict."""
    is_original: bool = False
    """Whether the model is the original itself, which keeps everything."""
    judged: int | None = None
    """Items of the forget set that the verdict is about, the first so many; None takes all."""
    forget_rows: int | None = None
    """Rows of the forget set, of which some may not be measured; None where that is not known."""
    cautions: tuple[str, ...] = ()
    """What else a verdict's reader must know."""
    shortened: Mapping[str, tuple[int, int]] = {}
    """How many of how many answers are compared with their beginnings, see `Benchmark.shortened`.
    """


@dataclass(frozen=True)
class Suite:
    """The metrics of one kind of benchmark, and how they are shown."""

    measure: Callable[[SuiteInputs], SuiteResult]
    display: Callable[[Sequence[str], Sequence[str]], SuiteDisplay]
    """Given the evaluation sets and the metrics, how they are shown."""
    settings: tuple[str, ...] = ()
    """Keys of `summary.json` on which its numbers depend."""
    compares_with_retrain: bool = True
    """Whether a metric compares with a model trained without the forget set."""
    check_retrain: Callable[[pd.DataFrame, Tables], None] | None = None
    """Refuses a retain model's tables, given the rows that are to be scored."""
    set_title: Callable[[str], str] = str
    """From a set's name to what notes call it."""
