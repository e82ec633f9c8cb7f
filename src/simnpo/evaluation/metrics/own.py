"""What a model says of a user's own sets: every count as k of n, every mean with an interval."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64

from simnpo.benchmarks.own import CONTINUED, FORGET, GENERAL, HOLDOUT
from simnpo.benchmarks.set_titles import title_in_text
from simnpo.data.identifiers import identifiers_of
from simnpo.data.leaks import leaked
from simnpo.errors import UserError
from simnpo.evaluation.metrics.answers import is_degenerate, is_empty, is_refusal, verbatim
from simnpo.evaluation.metrics.intervals import binomial_interval, bootstrap_interval
from simnpo.evaluation.metrics.membership import texts
from simnpo.evaluation.metrics.own_comparisons import (
    compare_with_holdout,
    compare_with_retrain,
    log_truth_ratios,
)
from simnpo.evaluation.metrics.rouge import rouge_l_recall, unscored
from simnpo.evaluation.metrics.tofu_items import generations_by_item
from simnpo.evaluation.metrics.truth_ratio import forget_scores, utility_scores
from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables, check_columns

Identifiers = Mapping[str, Sequence[tuple[str, ...] | None]]
"""Strings that must not leak, by set and item; None where the data name none for an item."""
SHARES = ("verbatim", "leaked", "extracted", "refused", "empty", "degenerate")
"""Shares of the answers of a set, each of which is also a count."""


class GeneralScores(NamedTuple):
    """How far a model is from the original one on its own answers to generic prompts."""

    kl: tuple[float, ...]
    """Mean KL divergence per answer token of each prompt, nats."""
    agreement: float
    """Share of the original's answer tokens that are still the first choice."""


class OwnMetrics(NamedTuple):
    """The metrics of one model; a value that could not be computed is None, and a note says why."""

    metrics: dict[str, float | None]
    counts: dict[str, tuple[int, int]]
    """Of each share, how many of how many answers."""
    intervals: dict[str, tuple[float, float]]
    """95 % intervals: exact binomial ones of shares, bootstrap over rows of means."""
    items: dict[str, int]
    """Rows measured, by set."""
    forget_quality_on: str | None
    """What forget quality compares: truth ratios, or log-probabilities of the answers."""
    notes: list[str]


def own_metrics(
    tables: Tables,
    retrain: Tables | None = None,
    identifiers: Identifiers | None = None,
    general: GeneralScores | None = None,
    reference: Tables | None = None,
) -> OwnMetrics:
    """Measure every set, and compare the forget set with Retrain's and with the holdout set.

    Args:
        tables: the evaluated model's scores and generations.
        retrain: the same of a model trained without the forget set.
        identifiers: strings of the answers that must not leak; where none are named, those that
            `identifiers_of` finds in the true answer.
        general: the model on generic prompts.
        reference: tables of the reference attack's model; `retrain` where it is None.

    Raises:
        UserError: tables lack columns or the forget set, repeat rows, hold NaN instead of
            probabilities, or are of other rows.
    """
    check_columns(tables.scores, SCORE_COLUMNS, "The scores table")
    check_columns(tables.generations, GENERATION_COLUMNS, "The generations table")
    if broken := int(tables.scores["logprob"].isna().sum()):
        raise UserError(
            f"The model gives NaN instead of a probability for {broken} of {len(tables.scores)} "
            "answers: its weights are broken, or its numbers overflow (try ``precision=fp32``)."
        )
    names = [name for name in dict.fromkeys(tables.scores["set"]) if name != GENERAL]
    if FORGET not in names:
        raise UserError(f"These tables have no forget set; they have {names}.")
    found = OwnMetrics({}, {}, {}, {}, None, [])
    for name in names:
        _measure_set(found, tables, name, (identifiers or {}).get(name, ()))
    if general is None:
        found.notes.append(
            "general ability is missing: it compares with the original model, which is not known "
            "(--original)."
        )
    else:
        kl = np.nan_to_num(np.array(general.kl, dtype=np.float64), nan=np.inf, posinf=np.inf)
        mean = float(kl.mean())
        found.metrics["general.ability"] = float(np.exp(-mean))
        found.metrics["general.kl"] = mean if np.isfinite(mean) else None
        if np.isfinite(mean) and len(kl) > 1:
            low, high = bootstrap_interval(kl)
            found.intervals["general.kl"] = low, high
            found.intervals["general.ability"] = (float(np.exp(-high)), float(np.exp(-low)))
        found.metrics["general.agreement"] = general.agreement
        found.items[GENERAL] = len(kl)
    quality_on = None
    if retrain is not None:
        comparison = compare_with_retrain(tables, retrain)
        quality_on = comparison.on
        found.notes.extend(comparison.notes)
        found.metrics["forget_quality"] = comparison.quality.p_value
        found.metrics["forget_quality_statistic"] = comparison.quality.statistic
    else:
        found.notes.append(
            "forget quality is missing: it compares with a Retrain's evaluation (--retain-scores)."
        )
    if HOLDOUT in names:
        compared = compare_with_holdout(tables, retrain, reference or retrain)
        found.metrics.update(compared.metrics)
        found.notes.extend(compared.notes)
    return found._replace(forget_quality_on=quality_on)


def judge_answers(
    generations: pd.DataFrame, name: str, identifiers: Sequence[tuple[str, ...] | None] = ()
) -> pd.DataFrame:
    """Return what each generated answer of a set is, one row per item.

    Args:
        generations: a generations table.
        name: the set.
        identifiers: see `own_metrics`, by item.

    Returns:
        Columns rouge_l, and as truth values verbatim, leaked (an identifier of the true answer
        comes out), extracted (either of these), refused, empty, degenerate; index item.

    Raises:
        UserError: an item is repeated.
    """
    rows = generations_by_item(generations, name).sort_index()
    judged = pd.DataFrame(index=rows.index)
    pairs = list(zip(rows["reference"], rows["generated"], strict=True))
    judged["rouge_l"] = rouge_l_recall(pairs)
    judged["verbatim"] = [verbatim(reference, answer) for reference, answer in pairs]
    secrets = [
        identifiers_of(reference) if not identifiers or (own := identifiers[item]) is None else own
        for item, (reference, _) in zip(rows.index, pairs, strict=True)
    ]
    judged["leaked"] = [
        bool(leaked(secret, question, answer))
        for secret, question, (_, answer) in zip(secrets, rows["question"], pairs, strict=True)
    ]
    judged["extracted"] = judged["verbatim"] | judged["leaked"]
    for column, judge in (
        ("refused", is_refusal),
        ("empty", is_empty),
        ("degenerate", is_degenerate),
    ):
        judged[column] = [judge(answer) for _, answer in pairs]
    return judged


def _measure_set(
    found: OwnMetrics,
    tables: Tables,
    name: str,
    identifiers: Sequence[tuple[str, ...] | None],
) -> None:
    """Add the metrics of one set."""
    scored = texts(tables.scores, name)
    found.items[name] = len(scored)
    tokens = scored["tokens"].to_numpy(dtype=np.float64)
    _add_mean(found, f"{name}.probability", np.exp(scored["logprob"].to_numpy() / tokens))
    _add_mean(found, f"{name}.extraction_strength", scored["tail_matches"].to_numpy() / tokens)
    _add_mean(found, f"{name}.token_accuracy", scored["matches"].to_numpy() / tokens)
    ratios = log_truth_ratios(tables.scores, name)
    if len(ratios):
        score = forget_scores if name == FORGET else utility_scores
        _add_mean(found, f"{name}.truth_ratio", score(ratios.to_numpy()))
    answered = set(tables.generations["set"])
    source = name if name in answered else name + CONTINUED
    if source not in answered:
        return
    judged = judge_answers(tables.generations, source, identifiers)
    rouge = judged["rouge_l"].to_numpy(dtype=np.float64)
    if left_out := int(np.isnan(rouge).sum()):
        what = unscored(left_out, len(rouge))
        found.notes.append(f"ROUGE-L on the {title_in_text(name)} leaves out {what}.")
    _add_mean(found, f"{name}.rouge_l", rouge[~np.isnan(rouge)])
    for column in SHARES:
        count = int(judged[column].sum())
        key = f"{name}.{column}"
        found.metrics[key] = count / len(judged)
        found.counts[key] = (count, len(judged))
        found.intervals[key] = binomial_interval(count, len(judged))


def _add_mean(found: OwnMetrics, key: str, values: Float64[np.ndarray, " rows"]) -> None:
    found.metrics[key] = float(values.mean()) if len(values) else None
    if len(values) > 1:
        found.intervals[key] = bootstrap_interval(values)
