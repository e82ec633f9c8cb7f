"""TOFU's metrics of every item, before any mean."""

import numpy as np
import pandas as pd
from jaxtyping import Float64

from simnpo.errors import UserError
from simnpo.evaluation.metrics.item_logprobs import ItemLogprobs, item_logprobs
from simnpo.evaluation.metrics.probability import answer_probability, choice_probability
from simnpo.evaluation.metrics.rouge import rouge_l_recall
from simnpo.evaluation.metrics.truth_ratio import Aggregation, log_truth_ratio
from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables, check_columns

SETS = ("forget", "retain", "real_authors", "world_facts")
CHOICE_SETS = ("real_authors", "world_facts")
"""Sets whose probability is the true answer's share among the given answers."""


def measure_sets(tables: Tables, aggregation: Aggregation) -> dict[str, pd.DataFrame]:
    """Measure those of `SETS` that were scored.

    Returns:
        By set, one row per item, ascending: set, item, probability, log_truth_ratio, answered
        (whether the set was generated), and rouge_l, which is NaN where it was not, or the true
        answer has no word to compare.

    Raises:
        UserError: columns, sets or rows are missing, rows are repeated, or the generations of a set
            are not those of its scored items.
    """
    check_columns(tables.scores, SCORE_COLUMNS, "The scores table")
    check_columns(tables.generations, GENERATION_COLUMNS, "The generations table")
    scored = set(tables.scores["set"])
    if not scored & set(SETS):
        raise UserError(f"The scores have none of the sets {list(SETS)}; got {sorted(scored)}.")
    measured = {}
    for name in SETS:
        if name not in scored:
            continue
        logprobs = item_logprobs(tables.scores, name)
        log_ratio = log_truth_ratio(logprobs.perturbed, logprobs.paraphrase, aggregation)
        answers = _answers(tables.generations, logprobs, name)
        measured[name] = pd.DataFrame(
            {
                "set": name,
                "item": logprobs.items,
                "probability": _probability(logprobs, name),
                "log_truth_ratio": log_ratio,
                "answered": not answers.empty,
                "rouge_l": np.nan
                if answers.empty
                else rouge_l_recall(zip(answers["reference"], answers["generated"], strict=True)),
            }
        )
    return measured


def generations_by_item(generations: pd.DataFrame, name: str) -> pd.DataFrame:
    """The generations of the set `name`, indexed by item; empty where it was not generated.

    Raises:
        UserError: an item is repeated.
    """
    rows = generations[generations["set"] == name]
    repeated = rows["item"].duplicated()
    if repeated.any():
        raise UserError(
            f"{name} set, item {rows['item'][repeated].iloc[0]} appears twice in the generations; "
            "keep one row for each."
        )
    return rows.set_index("item")


def _probability(logprobs: ItemLogprobs, name: str) -> Float64[np.ndarray, " items"]:
    if name in CHOICE_SETS:
        return choice_probability(logprobs.answer, logprobs.perturbed)
    return answer_probability(logprobs.answer)


def _answers(generations: pd.DataFrame, logprobs: ItemLogprobs, name: str) -> pd.DataFrame:
    """The generations of the scored items, in their order; empty where there are none."""
    rows = generations_by_item(generations, name)
    if rows.empty:
        return rows
    unmatched = np.setxor1d(rows.index.to_numpy(), logprobs.items)
    if len(unmatched):
        raise UserError(
            f"{name} set, item {unmatched[0]} is in only one of the scores and the generations "
            f"({len(unmatched)} such items); evaluate the set again."
        )
    return rows.loc[logprobs.items]
