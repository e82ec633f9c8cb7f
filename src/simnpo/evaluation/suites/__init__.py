"""The suites of metrics by name: what each kind of benchmark is measured by. The only list."""

from collections.abc import Mapping, Sequence

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.answers import empty_answers
from simnpo.evaluation.suites import multiple_choice, muse, own, tofu
from simnpo.evaluation.suites.base import Suite, SuiteInputs, SuiteResult
from simnpo.evaluation.suites.display import SuiteDisplay
from simnpo.evaluation.suites.further import add_metrics, with_metrics

SUITES: Mapping[str, Suite] = {
    "tofu": tofu.SUITE,
    "muse": muse.SUITE,
    "multiple_choice": multiple_choice.SUITE,
    "own": own.SUITE,
}


def measure(name: str, inputs: SuiteInputs) -> SuiteResult:
    """Measure by the suite of that name.

    Raises:
        UserError: tables lack what the suite needs.
    """
    suite = SUITES[name]
    found = suite.measure(inputs)
    add_metrics(name, inputs, found)
    found.notes.extend(empty_answers(inputs.tables.generations, suite.set_title))
    return found


def display_of(evaluations: Sequence[Evaluation]) -> SuiteDisplay:
    """Return how these evaluations, all of one suite, are shown."""
    sets = [name for one in evaluations for name in one.summary.get("items") or {}]
    keys = [key for one in evaluations for key in one.summary["metrics"]]
    return display(suite_of(evaluations[0]), list(dict.fromkeys(sets)), list(dict.fromkeys(keys)))


def display(name: str, sets: Sequence[str], keys: Sequence[str]) -> SuiteDisplay:
    """Return how a suite is shown, given the evaluation sets and the keys of the metrics."""
    return with_metrics(name, SUITES[name].display(sets, keys), keys)


def suite_of(evaluation: Evaluation) -> str:
    """Return the name of the suite that an evaluation was measured by."""
    return str(evaluation.summary.get("suite", "tofu"))
