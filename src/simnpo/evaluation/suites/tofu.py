"""TOFU's metrics as a reader sees them."""

from collections.abc import Sequence

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.tofu import tofu_metrics
from simnpo.evaluation.metrics.truth_ratio import Aggregation
from simnpo.evaluation.suites.base import Suite, SuiteInputs, SuiteResult
from simnpo.evaluation.suites.display import Axis, Column, SuiteDisplay

SETS = {
    "forget": "Forget set",
    "retain": "Retain set",
    "real_authors": "Real authors",
    "world_facts": "World facts",
}
PARTS = {"probability": ("P", "probability"), "rouge_l": ("R", "ROUGE-L recall")}
PARTS["truth_ratio"] = ("TR", "truth ratio")
COLUMNS = (
    Column("forget_quality", "Overall", "FQ", "Forget quality (p-value)", "p_value"),
    Column(
        "forget_quality_log10_p",
        "Overall",
        "log₁₀ p",
        "Base-10 logarithm of forget quality",
        "logarithm",
        printed=False,  # forget quality below 0.001 prints its exponent
    ),
    Column("forget_quality_statistic", "Overall", "KS", "Kolmogorov–Smirnov statistic"),
    Column("model_utility", "Overall", "MU", "Model utility"),
    *(
        Column(f"{name}.{part}", title, short, f"{title}: {long}")
        for name, title in SETS.items()
        for part, (short, long) in PARTS.items()
    ),
)
MEANS = {
    "geometric": "geometric mean (mean of the log-probabilities)",
    "arithmetic": "arithmetic mean",
}


def aggregation(evaluations: Sequence[Evaluation]) -> str:
    """Name the mean over wrong answers that these evaluations' truth ratios use."""
    return str(evaluations[0].summary["truth_ratio_aggregation"])


def caption(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say what each column is and how it was averaged, one sentence group an entry."""
    over = MEANS.get(aggregation(evaluations), aggregation(evaluations))
    return [
        "FQ, forget quality: p-value of the two-sample Kolmogorov–Smirnov test between the model's"
        " and Retrain's truth ratios on the forget set; 1 where they cannot be distinguished.",
        "KS: statistic of that test, the largest gap between the two distributions.",
        "MU, model utility: harmonic mean of the nine values P, R and TR on the retain set, real"
        " authors and world facts; higher means more was kept.",
        "P: mean over items of the answer's length-normalised probability; on real authors and"
        " world facts its share among the given answers.",
        "R: mean over items of the greedy answer's ROUGE-L recall.",
        "TR: mean over items of min(ρ, 1/ρ) on the forget set and of max(0, 1 − ρ) elsewhere, where"
        " the truth ratio ρ is the wrong answers' length-normalised probability over the"
        f" paraphrase's; the wrong answers are aggregated by their {over}.",
        "A dash marks a missing value.",
    ]


def notes(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say how truth ratios were made, and where forget qualities do not compare."""
    means = aggregation(evaluations)
    found = [f"Truth ratios aggregate the wrong answers by their {MEANS.get(means, means)}."]
    items = {
        int(evaluation.summary["forget_quality_items"]): evaluation.name
        for evaluation in evaluations
        if evaluation.summary.get("forget_quality_items") is not None
    }
    if len(items) > 1:
        listed = ", ".join(f"{count} ({name})" for count, name in sorted(items.items()))
        found.append(f"Forget qualities over different numbers of items do not compare: {listed}.")
    return found


DISPLAY = SuiteDisplay(
    columns=COLUMNS,
    caption=caption,
    legend="FQ forget quality, MU utility, P prob., R ROUGE-L, TR truth ratio",
    forgotten=Axis(
        "forget_quality",
        "Forget quality (KS p-value)",
        "Forget quality, KS p-value  (forgotten →)",
        is_p_value=True,
    ),
    kept=Axis("model_utility", "Model utility", "Model utility  (kept →)"),
    sets=SETS,
    short_groups={"Overall": "", "Real authors": "author", "World facts": "facts"},
    has_truth_ratios=True,
    answers=("forget", "retain"),
    facts=lambda evaluations: {
        "Truth ratio": f"{aggregation(evaluations)} mean over wrong answers"
    },
    notes=notes,
)


AGGREGATIONS: tuple[Aggregation, ...] = ("geometric", "arithmetic")


def measure(inputs: SuiteInputs) -> SuiteResult:
    """Measure as TOFU does, with both aggregations of the truth ratio.

    Raises:
        UserError: see `simnpo.evaluation.metrics.tofu.tofu_metrics`.
    """
    results = {one: tofu_metrics(inputs.tables, inputs.retain, one) for one in AGGREGATIONS}
    chosen, variants = results[inputs.aggregation], {one: results[one].metrics for one in results}
    details = {
        "truth_ratio_aggregation": inputs.aggregation,
        "metrics_by_aggregation": variants,
        "forget_quality_items": chosen.forget_quality_items,
    }
    return SuiteResult(chosen.metrics, chosen.items, chosen.notes, details, list(variants.values()))


SUITE = Suite(measure, lambda sets, metrics: DISPLAY, settings=("truth_ratio_aggregation",))
