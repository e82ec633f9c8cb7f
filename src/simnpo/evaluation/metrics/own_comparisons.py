"""The forget set against what was never learnt: Retrain's answers, or rows of a holdout set."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64
from scipy.stats import ks_2samp

from simnpo.benchmarks.own import FORGET, HOLDOUT
from simnpo.errors import UserError
from simnpo.evaluation.metrics.forget_quality import ForgetQuality, forget_quality
from simnpo.evaluation.metrics.item_logprobs import item_logprobs
from simnpo.evaluation.metrics.membership import ATTACKS, attack_aucs, texts
from simnpo.evaluation.metrics.muse import holdout_auc, privleak
from simnpo.evaluation.metrics.truth_ratio import Aggregation, log_truth_ratio
from simnpo.evaluation.tables import PARAPHRASE, PERTURBED, Tables

TRUTH_RATIOS, LOGPROBS = "truth ratios", "answer log-probabilities"
_SAME = (
    "evaluate both with the same ``{}`` file and the same ``max_items`` (unless it is given, "
    "evaluate takes all rows, and other commands 200)."
)


class RetrainComparison(NamedTuple):
    """Forget quality of own data."""

    quality: ForgetQuality
    on: str
    """What was compared: `TRUTH_RATIOS` or `LOGPROBS`."""
    notes: list[str]


class HoldoutComparison(NamedTuple):
    """The forget set against the holdout set."""

    metrics: dict[str, float | None]
    notes: list[str]


def log_truth_ratios(
    scores: pd.DataFrame, name: str, aggregation: Aggregation = "geometric"
) -> "pd.Series[float]":
    """Return the log truth ratio of the rows that have paraphrased and wrong answers, by item."""
    rows = scores[scores["set"] == name]
    having = [
        set(rows.loc[rows["variant"] == variant, "item"]) for variant in (PARAPHRASE, PERTURBED)
    ]
    rows = rows[rows["item"].isin(set.intersection(*having))]
    if rows.empty:
        return pd.Series(np.empty(0), dtype="float64")
    items = item_logprobs(rows, name)
    ratios = log_truth_ratio(items.perturbed, items.paraphrase, aggregation)
    return pd.Series(ratios, items.items, dtype="float64")


def check_retrain(rows: pd.DataFrame, retrain: Tables) -> None:
    """Make sure that a Retrain's evaluation is of the same rows, where it has any to compare.

    Args:
        rows: a scores table, or the rows of one that is to be made, see `rows_to_score`.
        retrain: the Retrain's tables.

    Raises:
        UserError: it is of another forget or holdout set.
    """
    for name in (FORGET, HOLDOUT):
        ours, theirs = (texts(one, name) for one in (rows, retrain.scores))
        if name == HOLDOUT and (ours.empty or theirs.empty):
            continue
        if list(ours["item"]) != list(theirs["item"]):
            raise UserError(
                f"``retain_scores``: the Retrain's evaluation has {len(theirs)} {name} rows, and "
                f"this model's {len(ours)}: {_SAME.format(name)}"
            )
        sizes = [one["zlib_bytes"].to_numpy() for one in (ours, theirs)]
        differ = (sizes[0] != sizes[1]) & ~np.isnan(sizes[1])  # older evaluations have none
        if differ.any():
            raise UserError(
                f"``retain_scores``: {name} row {ours['item'][differ].iloc[0]} is another one in "
                f"the Retrain's evaluation: {_SAME.format(name)}"
            )


def compare_with_retrain(tables: Tables, retrain: Tables) -> RetrainComparison:
    """Return forget quality: a KS test of truth ratios, else of the answers' log-probs per token.

    Raises:
        UserError: the Retrain's evaluation is of another forget set.
    """
    check_retrain(tables.scores, retrain)
    ours, theirs = (texts(one.scores, FORGET) for one in (tables, retrain))
    ratios = [log_truth_ratios(one.scores, FORGET) for one in (tables, retrain)]
    if len(ratios[0]) and list(ratios[0].index) == list(ratios[1].index):
        quality = forget_quality(*(one.to_numpy() for one in ratios))
        return RetrainComparison(quality, TRUTH_RATIOS, [])
    quality = forget_quality(_per_token(ours), _per_token(theirs))
    note = (
        "forget quality compares the log-probabilities of the true answers with Retrain's: the "
        "rows have no paraphrased_answer and perturbed_answer, from which truth ratios are made."
    )
    return RetrainComparison(quality, LOGPROBS, [note])


def compare_with_holdout(
    tables: Tables, retrain: Tables | None, reference: Tables | None
) -> HoldoutComparison:
    """Return how well forget rows can be distinguished from rows that no model has seen.

    Returns:
        `holdout_p_value` and `holdout_statistic` of a KS test of the answers' log-probs per token,
        the AUCs of membership attacks (`auc.loss`, ...; 0.5 where nothing distinguishes them),
        and `privleak` where Retrain's evaluation holds both sets.

    Raises:
        UserError: see `simnpo.evaluation.metrics.membership.attack_aucs`.
    """
    forget, holdout = (_per_token(texts(tables.scores, name)) for name in (FORGET, HOLDOUT))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation", RuntimeWarning)
        test = ks_2samp(forget, holdout)
    metrics: dict[str, float | None] = {
        "holdout_p_value": float(test.pvalue),
        "holdout_statistic": float(test.statistic),
    }
    notes = []
    if reference is not None and texts(reference.scores, HOLDOUT).empty:
        notes.append(
            "the reference attack is missing: the evaluation that it compares with has no "
            "--holdout set."
        )
        reference = None
    aucs = attack_aucs(tables.scores, reference.scores if reference else None)
    metrics |= {
        f"auc.{name}": None if np.isnan(value) else value
        for name, value in aucs.items()
        if name not in ATTACKS or not np.isnan(value)
    }
    if retrain is not None:
        known = holdout_auc(retrain)
        if np.isnan(known) or known == 0:
            notes.append("privleak is missing: the Retrain's evaluation has no --holdout set.")
        else:
            metrics["privleak"] = privleak(holdout_auc(tables), known)
    return HoldoutComparison(metrics, notes)


def _per_token(rows: pd.DataFrame) -> Float64[np.ndarray, " items"]:
    return (rows["logprob"] / rows["tokens"]).to_numpy(dtype=np.float64)
