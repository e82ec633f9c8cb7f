"""The suites of metrics: what each kind of benchmark is measured by. The only list of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, NamedTuple

from simnpo.benchmarks.own import FORGET
from simnpo.benchmarks.set_titles import title_in_text
from simnpo.errors import UserError
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.answers import empty_answers
from simnpo.evaluation.metrics.kept import KEPT_SHARE, kept_share
from simnpo.evaluation.metrics.multiple_choice import multiple_choice_metrics
from simnpo.evaluation.metrics.muse import muse_metrics
from simnpo.evaluation.metrics.own import GeneralScores, own_metrics
from simnpo.evaluation.metrics.own_evaluation import OwnEvaluation
from simnpo.evaluation.metrics.own_requests import about_first
from simnpo.evaluation.metrics.tofu import tofu_metrics
from simnpo.evaluation.metrics.truth_ratio import Aggregation
from simnpo.evaluation.metrics.verdict import judge
from simnpo.evaluation.metrics.verdict_rules import KEEP
from simnpo.evaluation.tables import Tables

AGGREGATIONS: tuple[Aggregation, ...] = ("geometric", "arithmetic")


class Measured(NamedTuple):
    """What a suite found in an evaluation's tables; see `summary.json`."""

    metrics: dict[str, float | None]
    """By name; None where a value could not be computed, and a note says why."""
    items: dict[str, int]
    """Items measured, by set."""
    notes: list[str]
    details: dict[str, Any]
    """What else the numbers depend on."""


class Question(NamedTuple):
    """What a suite is asked."""

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
    controls: tuple[str, ...] = ()
    """Sets that ask for what must be kept, see `Benchmark.controls`."""
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


Suite = Callable[[Question], Measured]


def tofu_suite(question: Question) -> Measured:
    """Measure as TOFU does, with both aggregations of the truth ratio.

    Raises:
        UserError: see `simnpo.evaluation.metrics.tofu.tofu_metrics`.
    """
    results = {one: tofu_metrics(question.tables, question.retain, one) for one in AGGREGATIONS}
    chosen = results[question.aggregation]
    details = {
        "truth_ratio_aggregation": question.aggregation,
        "metrics_by_aggregation": {one: result.metrics for one, result in results.items()},
        "forget_quality_items": chosen.forget_quality_items,
    }
    return Measured(chosen.metrics, chosen.items, chosen.notes, details)


def muse_suite(question: Question) -> Measured:
    """Measure as MUSE does, with membership attacks beside it.

    Raises:
        UserError: see `simnpo.evaluation.metrics.muse.muse_metrics`.
    """
    found = muse_metrics(question.tables, question.retain, question.reference, question.split)
    return Measured(found.metrics, found.items, found.notes, {"retrain_auc": found.retrain_auc})


def multiple_choice_suite(question: Question) -> Measured:
    """Measure accuracies, of as many sets as there are.

    Raises:
        UserError: see `simnpo.evaluation.metrics.multiple_choice.multiple_choice_metrics`.
    """
    found = multiple_choice_metrics(question.tables, question.controls)
    return Measured(found.metrics, found.items, found.notes, {"controls": list(question.controls)})


def own_suite(question: Question) -> Measured:
    """Measure a user's own sets, with a count or an interval for each number.

    Raises:
        UserError: see `simnpo.evaluation.metrics.own.own_metrics`.
    """
    found = own_metrics(
        question.tables,
        question.retain,
        question.identifiers,
        question.general,
        question.reference,
    )
    for name, (count, total) in question.shortened.items():
        found.notes.append(
            f"{count} of {total} answers of the {title_in_text(name)} are longer than --max-length "
            "lets a model see: word for word and ROUGE-L are about what it leaves of them."
        )
    details = {
        "counts": found.counts,
        "intervals": found.intervals,
        "forget_quality_on": found.forget_quality_on,
        "general_kl": question.general
        and [value if isfinite(value) else None for value in question.general.kl],
    }
    if question.is_original:
        found.metrics[KEPT_SHARE] = 1.0
    if question.before is not None:
        after = OwnEvaluation(found.metrics, found.counts, question.tables)
        before = own_evaluation(question.before)
        found.metrics[KEPT_SHARE] = kept_share(before, after)
        if question.judged is not None:
            before, after = (
                about_first(one, question.judged, question.identifiers) for one in (before, after)
            )
        verdict = judge(before, after, question.keep)
        verdict = replace(verdict, cautions=(*verdict.cautions, *question.cautions))
        measured, rows = found.items[FORGET], question.forget_rows
        if rows is not None and measured < rows:
            caution = (
                f"{measured} of {rows} rows to forget were measured, evenly spaced; --max-items "
                "measures more."
            )
            verdict = replace(verdict, cautions=(caution, *verdict.cautions))
        if FORGET in question.shortened:
            count, total = question.shortened[FORGET]
            caution = (
                f"{count} of {total} answers to forget are judged word for word by their "
                "beginnings alone, all that --max-length leaves of them: a higher one has the rest "
                "forgotten, too."
            )
            verdict = replace(verdict, cautions=(*verdict.cautions, caution))
        details["verdict"] = verdict.record()
    return Measured(found.metrics, found.items, found.notes, details)


def own_evaluation(evaluation: Evaluation) -> OwnEvaluation:
    """Return a stored evaluation of own data as a verdict reads it.

    Raises:
        UserError: it is of something else.
    """
    summary = evaluation.summary
    if summary.get("suite") != "own":
        raise UserError(f"{evaluation.name} is no evaluation of own data.")
    counts = {name: (count, total) for name, (count, total) in summary["counts"].items()}
    return OwnEvaluation(summary["metrics"], counts, evaluation.tables)


SUITES: Mapping[str, Suite] = {
    "tofu": tofu_suite,
    "muse": muse_suite,
    "multiple_choice": multiple_choice_suite,
    "own": own_suite,
}


def measure(suite: str, question: Question) -> Measured:
    """Measure by the suite of that name, a key of `SUITES`.

    Raises:
        UserError: tables lack what the suite needs.
    """
    found = SUITES[suite](question)
    title = title_in_text if suite == "own" else str
    found.notes.extend(empty_answers(question.tables.generations, title))
    return found
