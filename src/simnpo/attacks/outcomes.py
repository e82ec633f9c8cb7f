"""How much an attack brought back: each metric before and after, set against Retrain's."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from simnpo.report.colours import is_retrain
from simnpo.report.courses import MISSING, Spread, spread
from simnpo.report.numbers import fixed, written
from simnpo.report.trade_off import log10_p
from simnpo.report.views.base import Axis, Column, View


class Ending(NamedTuple):
    """Where an attack ends, in a table of courses."""

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
    """The model's change less Retrain's, seed by seed; of p-values in powers of ten. What an attack
    teaches a model that never knew is not what came back."""


def outcomes(
    course: pd.DataFrame, endings: Sequence[Ending], columns: Sequence[Column]
) -> list[Outcome]:
    """Return the outcome of every attack, model and metric.

    Args:
        course: a table with `simnpo.report.courses.COLUMNS`; step 0 is before the attack.
        endings: the attacks.
        columns: the metrics.
    """
    models = [str(name) for name in course["model"].unique()]
    retrain = next((name for name in models if is_retrain(name)), None)
    found = []
    for ending in endings:
        here = course[course["series"] == ending.series]
        for column in columns:
            own = here[here["metric"] == column.key]
            values = {
                place: rows.set_index("seed")["value"]
                for place, rows in own.groupby(["model", "step"])
            }
            p_value = column.form == "p_value"
            for model in models:
                before, after = values[model, 0], values[model, ending.step]
                reference = (MISSING, MISSING)
                beyond = MISSING
                if retrain:
                    steps = values[retrain, 0], values[retrain, ending.step]
                    reference = (spread(list(steps[0]), p_value), spread(list(steps[1]), p_value))
                    if model != retrain:
                        moved = _changes(before, after, p_value) - _changes(*steps, p_value)
                        beyond = spread(list(moved))
                found.append(
                    Outcome(
                        ending.title,
                        model,
                        column.key,
                        spread(list(before), p_value).mean,
                        spread(list(after), p_value),
                        reference[0].mean,
                        reference[1],
                        beyond,
                    )
                )
    return found


def _changes(before: pd.Series, after: pd.Series, p_value: bool) -> pd.Series:
    """Return each seed's change; of p-values in powers of ten."""
    if p_value:
        before, after = before.map(log10_p), after.map(log10_p)
    return after - before


def in_words(found: Sequence[Outcome], view: View) -> list[str]:
    """Say for each attack and model what came of the two metrics that matter most."""
    by_place = {(one.attack, one.model, one.metric): one for one in found}
    pairs = dict.fromkeys((one.attack, one.model) for one in found if not is_retrain(one.model))
    return [
        f"{model}, {attack}: " + " ".join(said)
        for attack, model in pairs
        if (
            said := [
                _sentence(by_place[attack, model, axis.key], axis)
                for axis in (view.forgotten, view.kept)
                if (attack, model, axis.key) in by_place
            ]
        )
    ]


def _sentence(one: Outcome, axis: Axis) -> str:
    form = "p_value" if axis.is_p_value else "fixed"
    text = f"{axis.title} {written(one.before, form)} before, {with_range(one.after, form)} after"
    if math.isnan(one.retrain_before):
        return text + "."
    text += (
        f"; Retrain under the same attack {written(one.retrain_before, form)} and "
        f"{with_range(one.retrain_after, form)}."
    )
    beyond = one.beyond_retrain.mean
    if math.isnan(beyond):
        return text
    if axis.is_p_value:
        way = "down" if beyond < 0 else "up"
        return f"{text} That is {fixed(abs(beyond), 1)} powers of ten further {way} than Retrain."
    way = "down" if beyond < 0 else "up"
    return f"{text} That is {fixed(abs(beyond))} further {way} than Retrain."


def with_range(value: Spread, form: str) -> str:
    """Write a mean with its lowest and highest seed, where there are several that differ."""
    mean = written(value.mean, form)
    if value.seeds < 2 or value.low == value.high:
        return mean
    return f"{mean} ({written(value.low, form)} to {written(value.high, form)})"


def by_metric(found: Sequence[Outcome], attack: str) -> Mapping[str, Mapping[str, Outcome]]:
    """Return an attack's outcomes by metric, then by model."""
    table: dict[str, dict[str, Outcome]] = {}
    for one in found:
        if one.attack == attack:
            table.setdefault(one.metric, {})[one.model] = one
    return table
