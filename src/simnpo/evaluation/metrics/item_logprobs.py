"""The scores table of one evaluation set, as arrays with one row per item."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from simnpo.errors import UserError
from simnpo.evaluation.tables import ANSWER, PARAPHRASE, PERTURBED

KEY = ["set", "item", "variant", "index"]
ROUNDING = 1e-4
"""Nats per token by which float32 arithmetic may lift a certain answer above zero."""


class ItemLogprobs(NamedTuple):
    """Log-probabilities per answer token (`logprob / tokens`, nats) of one set's items."""

    items: Int64[np.ndarray, " items"]
    """Item numbers, ascending."""
    answer: Float64[np.ndarray, " items"]
    paraphrase: Float64[np.ndarray, " items"]
    """The answer's own where the set has no paraphrases, as TOFU does for its real-world sets."""
    perturbed: Float64[np.ndarray, "items wrong"]
    """NaN fills the rows of items that have fewer wrong answers than others."""


def item_logprobs(scores: pd.DataFrame, name: str) -> ItemLogprobs:
    """Collect the set `name` of a scores table; the order of its rows does not matter.

    Raises:
        UserError: the set is absent; a row is repeated or has no usable log-probability; an item
            lacks its answer, all wrong answers, or the paraphrase that the set's others have.
    """
    rows = scores[scores["set"] == name]
    if rows.empty:
        raise UserError(f"The scores have no set {name!r}; they have {sorted(set(scores['set']))}.")
    check_rows(rows)
    average = rows.assign(average=(rows["logprob"] / rows["tokens"]).clip(upper=0.0))
    by_variant = {
        variant: average[average["variant"] == variant].pivot(
            index="item", columns="index", values="average"
        )
        for variant in (ANSWER, PARAPHRASE, PERTURBED)
    }
    items = np.unique(rows["item"].to_numpy(dtype=np.int64))
    answer = _single(by_variant[ANSWER], items, f"{name} set", ANSWER)
    has_paraphrases = not by_variant[PARAPHRASE].empty
    paraphrase = (
        _single(by_variant[PARAPHRASE], items, f"{name} set", PARAPHRASE)
        if has_paraphrases
        else answer
    )
    perturbed = _complete(by_variant[PERTURBED], items, f"{name} set", PERTURBED)
    return ItemLogprobs(items, answer, paraphrase, perturbed)


def check_rows(rows: pd.DataFrame) -> None:
    """Refuse repeated rows and rows that are not log-probability of at least one token."""
    tokens, logprob = rows["tokens"], rows["logprob"]
    faults = {
        "appears twice in the scores; keep one row for each": rows.duplicated(KEY),
        "has no answer tokens": ~(tokens >= 1),
        "has no finite log-probability": ~np.isfinite(logprob),
        "has a positive log-probability; a loss must be negated": logprob > ROUNDING * tokens,
        f"is not a known variant; use {ANSWER}, {PARAPHRASE} or {PERTURBED}": ~rows["variant"].isin(
            [ANSWER, PARAPHRASE, PERTURBED]
        ),
    }
    for fault, found in faults.items():
        if found.any():
            row = rows[found].iloc[0]
            raise UserError(
                f"{row['set']} set, item {row['item']}, {row['variant']} {row['index']} "
                f"(logprob {row['logprob']}, tokens {row['tokens']}) {fault}."
            )


def _single(
    table: pd.DataFrame, items: Int64[np.ndarray, " items"], where: str, variant: str
) -> Float64[np.ndarray, " items"]:
    """The one value per item of a variant that has no alternatives."""
    values = _complete(table, items, where, variant)
    several = (~np.isnan(values)).sum(axis=1) > 1
    if several.any():
        raise UserError(
            f"{where}, item {items[several][0]} has more than one row of variant {variant!r}; "
            "a truth ratio takes one."
        )
    return np.nanmax(values, axis=1)  # type: ignore[no-any-return]


def _complete(
    table: pd.DataFrame, items: Int64[np.ndarray, " items"], where: str, variant: str
) -> Float64[np.ndarray, "items several"]:
    """The values of every item, or an error that names the first item without any."""
    lacking = ~np.isin(items, table.index)
    if lacking.any():
        raise UserError(
            f"{where}, item {items[lacking][0]} has no row of variant {variant!r} "
            f"({int(lacking.sum())} of {len(items)} items lack one); score the set again."
        )
    return table.loc[items].to_numpy(dtype=np.float64)
