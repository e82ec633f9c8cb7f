"""MUSE's metrics of one evaluated model (arXiv 2407.06460), and membership inference.

All are percentages, as the paper prints them, but for the AUCs of attacks.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from simnpo.errors import UserError
from simnpo.evaluation.metrics.auc import auc
from simnpo.evaluation.metrics.membership import (
    ATTACKS,
    FORGET,
    HOLDOUT,
    attack_aucs,
    min_k_score,
    texts,
)
from simnpo.evaluation.metrics.memorization import exact_memorization, extraction_strength
from simnpo.evaluation.metrics.rouge import rouge_l_f1, unscored
from simnpo.evaluation.metrics.tofu_items import generations_by_item
from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS, Tables, check_columns

RETRAIN_AUC = {"news": 0.4772, "books": 0.5393}
"""The retrained model's AUC by corpus, in the official constants, for PrivLeak without that model.
"""
GENERATED = {"verbmem": "verbmem", "knowmem_forget": "knowmem", "knowmem_retain": "knowmem"}
"""Sets that are answered, and the metric each is measured by."""
_END_OF_ANSWER = re.compile(r"\n\n|\nQuestion|Question:")


class MuseMetrics(NamedTuple):
    """The metrics of one model; a value that could not be computed is None, and a note says why."""

    metrics: dict[str, float | None]
    items: dict[str, int]
    """Items measured, by set."""
    notes: list[str]
    retrain_auc: float | None
    """What PrivLeak compares with."""


def muse_metrics(
    tables: Tables,
    retain: Tables | None,
    reference: Tables | None = None,
    split: str | None = None,
) -> MuseMetrics:
    """Compute VerbMem, KnowMem, PrivLeak, memorisation and the AUCs of membership attacks.

    Args:
        tables: the evaluated model's scores and generations.
        retain: the same of a model trained without the forget set, for PrivLeak; without it
            PrivLeak of `split` news or books takes the published constant.
        reference: the same of the reference attack's model; `retain` where it is None.
        split: MUSE's split, which says the corpus.

    Raises:
        UserError: tables lack columns, repeat rows, or are of other texts.
    """
    check_columns(tables.scores, SCORE_COLUMNS, "The scores table")
    check_columns(tables.generations, GENERATION_COLUMNS, "The generations table")
    known = set(tables.scores["set"]) | set(tables.generations["set"])
    if not known & {*GENERATED, FORGET, HOLDOUT}:
        raise UserError(f"These tables have none of MUSE's sets; they have {sorted(known)}.")
    notes: list[str] = []
    metrics: dict[str, float | None] = {}
    items = {}
    for name, metric in GENERATED.items():
        rows = generations_by_item(tables.generations, name).sort_index()
        items[name] = len(rows)
        metrics[name] = _mean_rouge(rows, metric, name, notes)
    for name in (FORGET, HOLDOUT):
        items[name] = len(texts(tables.scores, name))
    retrain_auc = _retrain_auc(retain, split, notes)
    metrics["privleak"] = _privleak(tables, retrain_auc, notes)
    metrics |= _memorization(tables, notes)
    metrics |= _attacks(tables, reference or retain, notes)
    return MuseMetrics(metrics, {k: v for k, v in items.items() if v}, notes, retrain_auc)


def cut_answer(generated: str) -> str:
    """Return a generated answer up to a blank line or a new question, as MUSE cuts it."""
    return _END_OF_ANSWER.split(generated, maxsplit=1)[0]


def holdout_auc(tables: Tables) -> float:
    """Return MUSE's AUC: how probably a holdout text looks more trained on than a forget text.

    By Min-40 % log-probs. Near 0 where the model recognises every forget text; NaN where a set was
    not scored.
    """
    holdout, forget = (min_k_score(texts(tables.scores, name)) for name in (HOLDOUT, FORGET))
    return auc(holdout, forget)


def privleak(own: float, retrain: float) -> float:
    """Return PrivLeak in percent: how far a model's AUC is from the retrained model's.

    Args:
        own: `holdout_auc` of the model; below `retrain` it has unlearned too little.
        retrain: that of the retrained model.
    """
    return 100 * (own - retrain) / retrain


def _mean_rouge(rows: pd.DataFrame, metric: str, name: str, notes: list[str]) -> float | None:
    """Return the mean ROUGE-L F1 of a set's answers, in percent."""
    if rows.empty:
        notes.append(f"{name} is missing: the set was not answered.")
        return None
    cut = cut_answer if metric == "knowmem" else str
    generated = [cut(text) for text in rows["generated"]]
    scores = rouge_l_f1(zip(rows["reference"], generated, strict=True))
    undefined = np.isnan(scores)
    if undefined.any():
        count = unscored(int(undefined.sum()), len(rows))
        notes.append(
            f"{name} is missing: ROUGE-L cannot score {count} (first: item "
            f"{rows.index[undefined][0]})."
        )
        return None
    return 100 * float(scores.mean())


def _retrain_auc(retain: Tables | None, split: str | None, notes: list[str]) -> float | None:
    if retain is not None:
        found = holdout_auc(retain)
        if not np.isnan(found) and found > 0:
            return found
        notes.append(
            "privleak is missing: the retain model's scores (--retain-scores) do not hold both the "
            "forget and the holdout texts, or show that it knows all forget texts."
        )
        return None
    corpus = (split or "").partition("-")[0]
    if corpus in RETRAIN_AUC:
        notes.append(
            f"privleak compares with the published AUC of the retrained model, "
            f"{RETRAIN_AUC[corpus]} for {corpus}, which is Llama-2-7B's: no retain model's scores "
            "were given (--retain-scores)."
        )
        return RETRAIN_AUC[corpus]
    notes.append("privleak is missing: no retain model's scores were given (--retain-scores).")
    return None


def _privleak(tables: Tables, retrain: float | None, notes: list[str]) -> float | None:
    own = holdout_auc(tables)
    if np.isnan(own):
        notes.append("privleak is missing: the forget and holdout texts were not both scored.")
        return None
    return None if retrain is None else privleak(own, retrain)


def _memorization(tables: Tables, notes: list[str]) -> dict[str, float | None]:
    found = {
        "exact_memorization": exact_memorization(tables.scores, FORGET),
        "extraction_strength": extraction_strength(tables.scores, FORGET),
    }
    means = {
        name: 100 * float(values.mean()) if len(values) and not np.isnan(values).any() else None
        for name, values in found.items()
    }
    if None in means.values():
        notes.append(
            "exact_memorization and extraction_strength are missing: the forget texts were not "
            "scored, or not token by token."
        )
    return means


def _attacks(tables: Tables, reference: Tables | None, notes: list[str]) -> dict[str, float | None]:
    names = (*ATTACKS, "reference")
    found = dict.fromkeys(names, float("nan"))
    if texts(tables.scores, FORGET).empty or texts(tables.scores, HOLDOUT).empty:
        notes.append(
            "the AUCs of attacks are missing: they compare a forget set with a holdout set, and "
            "one of them was not scored."
        )
    else:
        found |= attack_aucs(tables.scores, reference.scores if reference else None)
        if reference is None:
            notes.append(
                "auc.reference is missing: no reference model's scores were given "
                "(--reference-scores, or --retain-scores)."
            )
        columns = [f"auc.{name}" for name in ATTACKS if np.isnan(found[name])]
        if columns:
            notes.append(
                f"{', '.join(columns)}: missing, since this evaluation was made before its scores "
                "had their columns; evaluate the model again."
            )
    return {f"auc.{name}": None if np.isnan(found[name]) else found[name] for name in names}
