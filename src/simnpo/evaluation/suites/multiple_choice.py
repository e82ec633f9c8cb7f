"""Accuracies on multiple-choice questions as a reader sees them, whatever the sets."""

from collections.abc import Sequence

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.multiple_choice import multiple_choice_metrics
from simnpo.evaluation.suites.base import Suite, SuiteInputs, SuiteResult
from simnpo.evaluation.suites.display import Axis, Column, SuiteDisplay

PARTS = {
    "accuracy": ("Acc", "accuracy"),
    "standard_error": ("±", "standard error of the accuracy"),
    "probability": ("P", "probability of the right letter among the letters"),
}


def multiple_choice_display(names: Sequence[str]) -> SuiteDisplay:
    """Return how evaluation sets of these names are shown."""
    sets = {name: name.replace("_", " ") for name in names}
    return SuiteDisplay(
        columns=(
            Column("forgotten", "Overall", "1−Acc", "1 − accuracy on what is to be forgotten"),
            Column("kept", "Overall", "Kept", "Accuracy on the utility sets"),
            *(
                Column(f"{name}.{part}", title, short, f"{title}: {long}")
                for name, title in sets.items()
                for part, (short, long) in PARTS.items()
            ),
        ),
        caption=caption,
        legend="1−Acc forgotten, Kept utility, Acc accuracy ± error, P probability",
        forgotten=Axis(
            "forgotten",
            "1 − accuracy on what is to be forgotten",
            "1 − accuracy on what is to be forgotten  (forgotten →)",
        ),
        kept=Axis("kept", "Accuracy on the utility sets", "Accuracy on the utility sets  (kept →)"),
        sets=sets,
        short_groups={"Overall": "", **{title: title for title in sets.values()}},
        facts=lambda evaluations: {
            "Utility sets": ", ".join(utility_sets(evaluations)) or "none named"
        },
    )


def utility_sets(evaluations: Sequence[Evaluation]) -> list[str]:
    """Name the sets that ask for what must be kept, as a reader sees them."""
    named = evaluations[0].summary.get("utility_sets") or []
    return [str(name).replace("_", " ") for name in named]


def caption(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say what each column is, one sentence group an entry."""
    kept = " and ".join(utility_sets(evaluations))
    return [
        *(
            [
                f"1−Acc: 1 − mean accuracy over the sets other than {kept}; higher means more was"
                " forgotten, and guessing among four gives 0.75.",
                f"Kept: mean accuracy on {kept}.",
            ]
            if kept
            else []
        ),
        "Acc: share of items whose right letter is the likeliest one, without examples in the"
        " prompt, as lm-eval's acc; of several likeliest letters the first counts.",
        "±: standard error of that share, sqrt(p (1 − p) / (n − 1)).",
        "P: mean over items of the right letter's share of the probability of all letters.",
        "A dash marks a missing value.",
    ]


def measure(inputs: SuiteInputs) -> SuiteResult:
    """Measure accuracies, of as many sets as there are.

    Raises:
        UserError: see `simnpo.evaluation.metrics.multiple_choice.multiple_choice_metrics`.
    """
    found = multiple_choice_metrics(inputs.tables, inputs.utility_sets)
    return SuiteResult(
        found.metrics, found.items, found.notes, {"utility_sets": list(inputs.utility_sets)}
    )


SUITE = Suite(
    measure,
    lambda sets, metrics: multiple_choice_display(sets),
    settings=("utility_sets",),
    compares_with_retrain=False,
)
