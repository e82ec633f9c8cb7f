"""Multiple choice: which answer a model finds likeliest, per item and over a set."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int64

from simnpo.errors import UserError
from simnpo.evaluation.metrics.item_logprobs import check_rows
from simnpo.evaluation.metrics.probability import choice_probability
from simnpo.evaluation.tables import ANSWER, SCORE_COLUMNS, Tables, check_columns


class Choices(NamedTuple):
    """The answers of one set's items, in the order in which they were offered."""

    logprob: Float64[np.ndarray, "items choices"]
    """Summed log-probability of each answer, nats; NaN where an item has fewer of them."""
    right: Int64[np.ndarray, " items"]
    """Place of the right answer, from 0."""


def choices_of(scores: pd.DataFrame, name: str) -> Choices:
    """Collect the set `name` of a scores table; the order of its rows does not matter.

    Raises:
        UserError: the set is absent; a row is repeated or has no usable log-probability; an item
            has no or several right answers, no wrong one, or two answers in one place.
    """
    rows = scores[scores["set"] == name]
    if rows.empty:
        raise UserError(f"The scores have no set {name!r}; they have {sorted(set(scores['set']))}.")
    check_rows(rows)
    right = rows[rows["variant"] == ANSWER].set_index("item")["index"].sort_index()
    counts = rows.groupby("item").agg(
        right=("variant", lambda variants: (variants == ANSWER).sum()),
        answers=("index", "size"),
        places=("index", "nunique"),
    )
    faults = {
        "needs one right answer": counts["right"] != 1,
        "needs a wrong answer": counts["answers"] < 2,
        "has several answers in one place": counts["places"] < counts["answers"],
    }
    for fault, found in faults.items():
        if found.any():
            raise UserError(f"{name} set, item {counts.index[found][0]} {fault}.")
    table = rows.pivot(index="item", columns="index", values="logprob")
    return Choices(
        table.to_numpy(dtype=np.float64),
        np.searchsorted(table.columns.to_numpy(), right.to_numpy()).astype(np.int64),
    )


def is_right(choices: Choices) -> Bool[np.ndarray, " items"]:
    """Tell whether the likeliest answer is the right one; the first one of several likeliest.

    Summed log-probabilities, not normalised by length: lm-eval's `acc`.
    """
    likeliest = np.nanargmax(choices.logprob, axis=1)
    return likeliest == choices.right  # type: ignore[no-any-return]


def right_share(choices: Choices) -> Float64[np.ndarray, " items"]:
    """Share of the right answer in the probability of all answers offered; in [0, 1]."""
    items = np.arange(len(choices.right))
    wrong = choices.logprob.copy()
    wrong[items, choices.right] = np.nan
    return choice_probability(choices.logprob[items, choices.right], wrong)


def standard_error(right: Bool[np.ndarray, " items"]) -> float | None:
    """Standard error of an accuracy, `sqrt(p (1 - p) / (n - 1))`, lm-eval's `acc_stderr`.

    None for a single item.
    """
    share, count = float(right.mean()), len(right)
    return math.sqrt(share * (1 - share) / (count - 1)) if count > 1 else None


class SetsMeasured(NamedTuple):
    """Metrics of all sets, and how many items each has."""

    metrics: dict[str, float | None]
    items: dict[str, int]
    notes: list[str]


def multiple_choice_metrics(tables: Tables, utility_sets: Sequence[str] = ()) -> SetsMeasured:
    """Measure every set of a scores table.

    Args:
        tables: an evaluation's.
        utility_sets: the sets that ask for what must be kept; the others ask for what is to be
            forgotten.

    Returns:
        For each set `SET.accuracy`, `SET.standard_error` and `SET.probability` (the mean of
        `right_share`); over sets `forgotten`, 1 - mean accuracy of the sets to be forgotten (the
        paper's table A4), and `kept`, the mean accuracy of the utility sets.

    Raises:
        UserError: see `choices_of`; or the scores have no set, or not that utility set.
    """
    check_columns(tables.scores, SCORE_COLUMNS, "The scores table")
    names = list(dict.fromkeys(tables.scores["set"]))
    if not names:
        raise UserError("The scores have no row.")
    for name in utility_sets:
        if name not in names:
            raise UserError(f"There is no set {name!r} to be a utility set; the sets are {names}.")
    metrics: dict[str, float | None] = {}
    items, accuracy = {}, {}
    for name in names:
        choices = choices_of(tables.scores, name)
        right = is_right(choices)
        items[name], accuracy[name] = len(right), float(right.mean())
        metrics[f"{name}.accuracy"] = accuracy[name]
        metrics[f"{name}.standard_error"] = standard_error(right)
        metrics[f"{name}.probability"] = float(right_share(choices).mean())
    hazards = [name for name in names if name not in utility_sets]
    forgotten = 1 - float(np.mean([accuracy[name] for name in hazards])) if hazards else None
    kept = float(np.mean([accuracy[name] for name in utility_sets])) if utility_sets else None
    overall = {"forgotten": forgotten if utility_sets else None, "kept": kept}
    notes = [f"{name} is missing: {why}." for name, why in _missing(hazards, utility_sets)]
    return SetsMeasured(overall | metrics, items, notes)


def _missing(hazards: Sequence[str], utility_sets: Sequence[str]) -> list[tuple[str, str]]:
    if not utility_sets:
        why = "no set was named as a utility set, so which ones are to be forgotten is not known"
        return [("forgotten", why), ("kept", why)]
    return [] if hazards else [("forgotten", "all sets are utility sets")]
