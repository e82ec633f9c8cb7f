"""How much an attack brought back: each metric before and after, set against Retrain's."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from simnpo.evaluation.suites.display import Column, SuiteDisplay
from simnpo.report.colours import is_retrain
from simnpo.report.curves import MISSING, Spread, summarize_seeds
from simnpo.report.numbers import fixed, written


class Ending(NamedTuple):
    """Where an attack ends, in a table of curves."""

    title: str
    """What was done, such as `3 epochs on a random 20 %`."""
    series: str
    step: int


class Outcome(NamedTuple):
    """One metric of one model under one attack."""

    attack: str
    """An ending's title."""
    model: str
    metric: str
    before: float
    after: Spread
    retrain_before: float
    """NaN, as all below, without Retrain."""
    retrain_after: Spread
    """Retrain under the same attack."""
    beyond_retrain: Spread
    """The model's change less Retrain's, seed by seed: what an attack teaches a model that never
    knew does not count. NaN for p-values, which compare with Retrain already."""


def outcomes(
    curve: pd.DataFrame, endings: Sequence[Ending], columns: Sequence[Column]
) -> list[Outcome]:
    """Return the outcome of every attack, model and metric.

    Args:
        curve: a table with `simnpo.report.curves.COLUMNS`; step 0 is before the attack.
        endings: the attacks.
        columns: the metrics.
    """
    models = [str(name) for name in curve["model"].unique()]
    retrain = next((name for name in models if is_retrain(name)), None)
    return [
        _outcome(curve, ending, column, model, retrain)
        for ending in endings
        for column in columns
        for model in models
    ]


def _outcome(
    curve: pd.DataFrame, ending: Ending, column: Column, model: str, retrain: str | None
) -> Outcome:
    p_value = column.kind == "p_value"
    own = curve[(curve["series"] == ending.series) & (curve["metric"] == column.key)]
    before, after = _ends(own, model, ending)
    retrain_before, retrain_after, beyond = MISSING, MISSING, MISSING
    if retrain:
        start, end = _ends(own, retrain, ending)
        retrain_before, retrain_after = (
            summarize_seeds(list(start), p_value),
            summarize_seeds(list(end), p_value),
        )
        if model != retrain and not p_value:
            beyond = summarize_seeds(list((after - before) - (end - start)))
    return Outcome(
        ending.title,
        model,
        column.key,
        summarize_seeds(list(before), p_value).mean,
        summarize_seeds(list(after), p_value),
        retrain_before.mean,
        retrain_after,
        beyond,
    )


def _ends(own: pd.DataFrame, model: str, ending: Ending) -> tuple["pd.Series[float]", ...]:
    """Return a model's values before and after the attack, by seed."""
    rows = own[own["model"] == model].set_index("seed")
    return tuple(rows.loc[rows["step"] == step, "value"] for step in (0, ending.step))


def in_words(found: Sequence[Outcome], view: SuiteDisplay) -> list[str]:
    """Say for each attack and model what came of the metrics that matter most.

    These are what was forgotten, what was kept, and the other one that moved furthest beyond
    Retrain's.
    """
    by_place = {(one.attack, one.model, one.metric): one for one in found}
    names = {column.key: column.name for column in view.columns}
    counts = {column.key for column in view.columns if column.kind == "count"}
    axes = {axis.key: axis for axis in (view.forgotten, view.kept)}
    # A p-value's neighbours, such as its statistic, compare with Retrain as it does.
    compared = {column.group for column in view.columns if column.kind == "p_value"}
    measured = {column.key for column in view.columns if column.group not in compared}
    summary = []
    for attack, model in dict.fromkeys((one.attack, one.model) for one in found):
        if is_retrain(model):
            continue
        own = {
            key: by_place[attack, model, key] for key in names if (attack, model, key) in by_place
        }
        sentences = [
            _sentence(own[key], axis.title, _form(key in counts, axis.is_p_value))
            for key, axis in axes.items()
            if key in own
        ]
        others = [
            one
            for key, one in own.items()
            if key in measured - set(axes) and not math.isnan(one.beyond_retrain.mean)
        ]
        if others:
            furthest = max(others, key=lambda one: abs(one.beyond_retrain.mean))
            key = furthest.metric
            moved = _sentence(furthest, names[key], _form(key in counts))
            sentences.append(f"Of the other metrics one moved furthest beyond Retrain's: {moved}")
        if sentences:
            summary.append(f"{model}, {attack}: {' '.join(sentences)}")
    return summary


def _form(is_count: bool, is_p_value: bool = False) -> str:
    return "p_value" if is_p_value else "count" if is_count else "fixed"


def _sentence(one: Outcome, title: str, kind: str) -> str:
    text = f"{title} goes from {written(one.before, kind)} to {with_range(one.after, kind)}"
    if math.isnan(one.retrain_before):
        return f"{text}."
    text += (
        f"; under the same attack Retrain's goes from {written(one.retrain_before, kind)} to "
        f"{with_range(one.retrain_after, kind)}"
    )
    beyond = one.beyond_retrain.mean
    if math.isnan(beyond):
        return f"{text}."
    size = f"{100 * abs(beyond):.0f} points" if kind == "count" else fixed(abs(beyond))
    further = f"{size} further {'down' if beyond < 0 else 'up'} than"
    return f"{text}: {'as far as' if round(beyond, 3) == 0 else further} Retrain."


def with_range(value: Spread, kind: str) -> str:
    """Write a mean with its lowest and highest seed, where they read differently."""
    mean, low, high = (written(one, kind) for one in (value.mean, value.low, value.high))
    return mean if low == high else f"{mean} ({low} to {high})"


def by_metric(found: Sequence[Outcome], attack: str) -> Mapping[str, Mapping[str, Outcome]]:
    """Return an attack's outcomes by metric, then by model."""
    table: dict[str, dict[str, Outcome]] = {}
    for one in found:
        if one.attack == attack:
            table.setdefault(one.metric, {})[one.model] = one
    return table
