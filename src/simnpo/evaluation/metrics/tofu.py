"""All TOFU metrics of one evaluated model, from its tables."""

from typing import NamedTuple

import pandas as pd

from simnpo.evaluation.metrics.model_utility import UTILITY_TERMS, model_utility
from simnpo.evaluation.metrics.rouge import unscored
from simnpo.evaluation.metrics.tofu_items import SETS, measure_sets
from simnpo.evaluation.metrics.tofu_retain import Comparison, compare_with_retain
from simnpo.evaluation.metrics.truth_ratio import (
    Aggregation,
    forget_truth_ratio,
    truth_ratio,
    utility_truth_ratio,
)
from simnpo.evaluation.tables import Tables


class TofuMetrics(NamedTuple):
    """The metrics of one model; a value that could not be computed is None, and a note says why."""

    metrics: dict[str, float | None]
    aggregation: Aggregation
    """How truth ratios combine wrong answers; two results compare only where this agrees."""
    items: dict[str, int]
    """Items scored, by set."""
    forget_quality_items: int | None
    """Items that both models were compared on."""
    notes: list[str]


def tofu_metrics(
    tables: Tables, retain: Tables | None, aggregation: Aggregation = "geometric"
) -> TofuMetrics:
    """Compute forget quality, model utility and their parts.

    Args:
        tables: the evaluated model's scores and generations.
        retain: the same of a model trained without the forget set; its other sets are not used.
            Without it forget quality is None.
        aggregation: see `simnpo.evaluation.metrics.truth_ratio.log_truth_ratio`.

    Raises:
        UserError: tables lack columns, sets or rows, repeat rows, or were not made on the same
            questions.
    """
    measured = measure_sets(tables, aggregation)
    notes: list[str] = []
    compared: Comparison | None = None
    if "forget" not in measured:
        notes.append("forget_quality is missing: the set forget was not evaluated.")
    elif retain is None:
        notes.append(
            "forget_quality is missing: no retain model's scores were given (--retain-scores); "
            "TOFU's official logs of Llama-2-7B can be used."
        )
    else:
        compared = compare_with_retain(tables, retain, aggregation)
        notes += compared.notes
    quality = compared.quality if compared else None
    if quality and quality.log10_p is None:
        notes.append("forget_quality_log10_p is missing: the p-value is too small for a float.")
    parts = _set_means(measured, notes)
    metrics = {
        "forget_quality": quality.p_value if quality else None,
        "forget_quality_statistic": quality.statistic if quality else None,
        "forget_quality_log10_p": quality.log10_p if quality else None,
        "model_utility": _model_utility(parts, notes),
    } | parts
    items = {name: len(rows) for name, rows in measured.items()}
    return TofuMetrics(metrics, aggregation, items, quality.items if quality else None, notes)


def per_item(tables: Tables, aggregation: Aggregation = "geometric") -> pd.DataFrame:
    """The metrics of every item, before any mean.

    Returns:
        Columns set, item, probability, truth_ratio (`R` itself) and rouge_l (NaN where nothing was
        generated), in TOFU's order of sets and by item.

    Raises:
        UserError: as `tofu_metrics`.
    """
    table = pd.concat(measure_sets(tables, aggregation).values(), ignore_index=True)
    table["truth_ratio"] = truth_ratio(table["log_truth_ratio"].to_numpy())
    return table[["set", "item", "probability", "truth_ratio", "rouge_l"]]


def _set_means(measured: dict[str, pd.DataFrame], notes: list[str]) -> dict[str, float | None]:
    """Probability, ROUGE-L and truth ratio of each set."""
    means: dict[str, float | None] = {}
    for name in SETS:
        keys = [f"{name}.{metric}" for metric in ("probability", "rouge_l", "truth_ratio")]
        if name not in measured:
            means |= dict.fromkeys(keys)
            notes.append(f"{', '.join(keys)} are missing: the set {name} was not evaluated.")
            continue
        rows = measured[name]
        score = forget_truth_ratio if name == "forget" else utility_truth_ratio
        undefined = rows["rouge_l"].isna()
        values = (
            float(rows["probability"].mean()),
            None if undefined.any() else float(rows["rouge_l"].mean()),
            score(rows["log_truth_ratio"].to_numpy()),
        )
        means |= dict(zip(keys, values, strict=True))
        if not rows["answered"].any():
            notes.append(f"{name}.rouge_l is missing: no answers were generated for this set.")
        elif undefined.any():
            notes.append(
                f"{name}.rouge_l is missing: it cannot score "
                f"{unscored(int(undefined.sum()), len(rows))} (first: item "
                f"{rows['item'][undefined].iloc[0]})."
            )
    return means


def _model_utility(means: dict[str, float | None], notes: list[str]) -> float | None:
    """Model utility, or None with a note where one of its nine terms is missing."""
    missing = [term for term in UTILITY_TERMS if means[term] is None]
    if missing:
        notes.append(f"model_utility is missing: it needs {', '.join(missing)}.")
        return None
    return model_utility(means)
