"""Forget quality from the tables of two models: are they about the same questions at all?"""

from typing import NamedTuple

import pandas as pd

from simnpo.errors import UserError
from simnpo.evaluation.metrics.forget_quality import ForgetQuality, forget_quality
from simnpo.evaluation.metrics.item_logprobs import item_logprobs
from simnpo.evaluation.metrics.tofu_items import generations_by_item
from simnpo.evaluation.metrics.truth_ratio import Aggregation, log_truth_ratio
from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables, check_columns


class Comparison(NamedTuple):
    """Forget quality, and what a reader must know about how it was obtained."""

    quality: ForgetQuality
    notes: list[str]


def compare_with_retain(tables: Tables, retain: Tables, aggregation: Aggregation) -> Comparison:
    """Forget quality of the evaluated model, on the forget items that both models were scored on.

    Raises:
        UserError: a table lacks columns or the forget set, the models share no item, or a shared
            item has another true answer in the retain model's tables.
    """
    check_columns(retain.scores, SCORE_COLUMNS, "The retain model's scores table")
    check_columns(retain.generations, GENERATION_COLUMNS, "The retain model's generations table")
    if not (retain.scores["set"] == "forget").any():
        raise UserError(
            "The retain model's scores have no forget set; "
            f"they have {sorted(set(retain.scores['set']))}."
        )
    ours, theirs = (_log_ratios(one.scores, aggregation) for one in (tables, retain))
    common = ours.index.intersection(theirs.index)
    if common.empty:
        raise UserError("The retain model's forget set shares no item with the evaluated model's.")
    notes = []
    if not _same_answers(tables.generations, retain.generations, common):
        notes.append(
            "forget_quality was computed without checking that both models answered the same "
            "questions: generations of a forget set are missing."
        )
    if len(common) < max(len(ours), len(theirs)):
        notes.append(
            f"forget_quality compares {len(common)} items: the evaluated model has {len(ours)}, "
            f"the retain model {len(theirs)}; p-values from different numbers of items do not "
            "compare."
        )
    quality = forget_quality(ours[common].to_numpy(), theirs[common].to_numpy())
    return Comparison(quality, notes)


def _log_ratios(scores: pd.DataFrame, aggregation: Aggregation) -> pd.Series:
    """`log R` of the forget set, by item."""
    logprobs = item_logprobs(scores, "forget")
    log_ratio = log_truth_ratio(logprobs.perturbed, logprobs.paraphrase, aggregation)
    return pd.Series(log_ratio, logprobs.items)


def _same_answers(ours: pd.DataFrame, theirs: pd.DataFrame, items: pd.Index) -> bool:
    """Whether the true answers of `items` could all be compared; an error where they differ."""
    answers, others = (
        generations_by_item(table, "forget")["reference"].reindex(items) for table in (ours, theirs)
    )
    known = answers.notna() & others.notna()
    # An official log's answers are decoded from tokens: some tokenizers drop spaces on the way.
    differ = known & (_letters(answers) != _letters(others))
    if differ.any():
        item = items[differ][0]
        raise UserError(
            f"The retain model was evaluated on another forget set: the true answer of item {item} "
            f"is {answers[item]!r} for the evaluated model and {others[item]!r} for the retain "
            "model. Give the scores of a retain model of the same split."
        )
    return bool(known.all())


def _letters(texts: pd.Series) -> pd.Series:
    """The texts without spaces and punctuation, whatever their Unicode form."""
    return texts.str.normalize("NFC").str.replace(r"\W+", "", regex=True)
