"""`Metric`: one more number for kinds of benchmark, in a file of its own; and the list of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.suites.base import SuiteInputs, SuiteResult
from simnpo.evaluation.suites.display import Column, SuiteDisplay
from simnpo.system.lazy_values import LazyValues


@dataclass(frozen=True)
class Metric:
    """A number from an evaluation's tables, and how it is shown."""

    suites: tuple[str, ...]
    """Kinds of benchmark that have it, keys of `simnpo.evaluation.suites.SUITES`."""
    column: Column
    """Its key in `summary.json`, its place in tables, and how its values are written."""
    measure: Callable[[SuiteInputs], float | None]
    """None where the tables do not say it."""
    caption: str
    """What it is, a sentence for pages and `--explain`."""
    missing: str
    """Why it is missing where it is, to follow "KEY is missing: "."""


METRICS: Mapping[str, Metric] = LazyValues(
    {
        "forget_extraction": "simnpo.evaluation.metrics.forget_extraction:METRIC",
    }
)
"""A line for each."""


def add_metrics(suite: str, inputs: SuiteInputs, found: SuiteResult) -> None:
    """Measure the metrics of a kind of benchmark and add them to what its suite found."""
    for metric in _of(suite):
        key, value = metric.column.key, metric.measure(inputs)
        for metrics in (found.metrics, *found.variants):  # it depends on no setting
            metrics[key] = value
        if value is None:
            found.notes.append(f"{key} is missing: {metric.missing}.")


def with_metrics(suite: str, display: SuiteDisplay, keys: Sequence[str]) -> SuiteDisplay:
    """Return how a suite is shown, with those of its metrics that are among `keys`."""
    shown = [metric for metric in _of(suite) if metric.column.key in keys]

    def caption(evaluations: Sequence[Evaluation]) -> list[str]:
        return [*display.caption(evaluations), *(metric.caption for metric in shown)]

    columns = (*display.columns, *(metric.column for metric in shown))
    return replace(display, columns=columns, caption=caption) if shown else display


def _of(suite: str) -> Iterator[Metric]:
    return (metric for metric in METRICS.values() if suite in metric.suites)
