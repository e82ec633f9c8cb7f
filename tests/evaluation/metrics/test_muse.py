"""MUSE's metrics on tables small enough to work out by hand."""

import pandas as pd
import pytest
from tiny_muse import tables

from simnpo.errors import UserError
from simnpo.evaluation.metrics.muse import (
    RETRAIN_AUC,
    cut_answer,
    holdout_auc,
    muse_metrics,
    privleak,
)
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.tables import Tables

# Holdout above forget in 1 of 4 pairs, and in 2 of 4.
MODEL = tables([-1.0, -2.0], [-1.5, -3.0])
RETRAIN = tables([-1.0, -2.0], [-0.5, -3.0])


def test_every_metric_by_hand() -> None:
    found = muse_metrics(MODEL, RETRAIN)
    expected = {
        # "sat on the mat", "sat on a mat": three words in order of four each.
        "verbmem": 75.0,
        # One answer right once it is cut, one with no word in common.
        "knowmem_forget": 50.0,
        # One word of one, and one of the two generated: 2 * 1 * 0.5 / 1.5.
        "knowmem_retain": 200 / 3,
        "privleak": 100 * (0.25 - 0.5) / 0.5,
        "exact_memorization": 40.0,
        "extraction_strength": 30.0,
        # Losses 1, 2 against 1.5, 2.5: below in three of four pairs.
        "auc.loss": 0.75,
        # Over 20 and 21 bytes: 1/20, 2/21 against 1.5/20, 2.5/21.
        "auc.zlib": 0.75,
        "auc.min_k": 0.75,
        "auc.min_k_plus_plus": 0.75,
        # The reference loses the same on every text.
        "auc.reference": 0.5,
    }
    assert found.metrics == pytest.approx(expected)
    assert found.retrain_auc == 0.5 and found.notes == []
    assert found.items == {
        "verbmem": 1,
        "knowmem_forget": 2,
        "knowmem_retain": 1,
        "forget": 2,
        "holdout": 2,
    }


@pytest.mark.parametrize(
    ("generated", "kept"),
    [
        ("Ada\n\nBo", "Ada"),
        ("Ada\nQuestion: Bo", "Ada"),
        ("Ada Question: Bo", "Ada "),
        ("Ada\nBo", "Ada\nBo"),
        ("\n\nAda", ""),  # what follows a blank line is not an answer, even if nothing precedes it
        ("Questions of taste", "Questions of taste"),
        ("Ada\nQuestions", "Ada"),
    ],
)
def test_an_answer_ends_at_a_blank_line_or_a_new_question(generated: str, kept: str) -> None:
    assert cut_answer(generated) == kept


def test_privleak_is_relative_to_retrain_and_negative_where_too_little_is_unlearned() -> None:
    assert privleak(0.4772, 0.4772) == 0
    assert privleak(0.0, 0.4772) == -100
    assert privleak(0.7158, 0.4772) == pytest.approx(50)
    assert holdout_auc(tables([-0.1, -0.2], [-5.0, -6.0])) == 0, "it knows all forget texts"
    assert holdout_auc(tables([-9.0], [-5.0])) == 1


@pytest.mark.parametrize(
    ("split", "auc"), [("news", 0.4772), ("news-scal2", 0.4772), ("books", 0.5393)]
)
def test_without_retrain_the_published_constant_stands_in_and_a_note_says_so(
    split: str, auc: float
) -> None:
    found = muse_metrics(MODEL, None, split=split)
    assert found.metrics["privleak"] == pytest.approx(100 * (0.25 - auc) / auc)
    assert any(str(auc) in note and "--retain-scores" in note for note in found.notes)
    assert found.retrain_auc in RETRAIN_AUC.values()


def test_what_is_missing_is_none_with_a_note() -> None:
    found = muse_metrics(MODEL, None, split="gazette")
    assert found.metrics["privleak"] is None and found.metrics["auc.reference"] is None
    assert any(note.startswith("privleak is missing") for note in found.notes)
    assert any("--reference-scores" in note for note in found.notes)

    only_forget = Tables(MODEL.scores[MODEL.scores["set"] == "forget"], MODEL.generations[:1])
    found = muse_metrics(only_forget, RETRAIN)
    absent = {name for name, value in found.metrics.items() if value is None}
    attacks = {name for name in found.metrics if name.startswith("auc.")}
    assert absent == {"knowmem_forget", "knowmem_retain", "privleak"} | attacks
    for what in ("knowmem_forget", "knowmem_retain", "privleak", "AUCs of attacks"):
        assert any(what in note and "missing" in note for note in found.notes), what


def test_an_older_evaluation_lacks_two_attacks_and_says_so() -> None:
    older = MODEL.scores.assign(zlib_bytes=float("nan"), min40_plus_plus=float("nan"))
    found = muse_metrics(Tables(older, MODEL.generations), RETRAIN)
    absent = {name for name, value in found.metrics.items() if value is None}
    assert absent == {"auc.zlib", "auc.min_k_plus_plus"}
    assert any("auc.zlib, auc.min_k_plus_plus" in note for note in found.notes)


def test_the_reference_attack_takes_its_own_model_before_the_retrained_one() -> None:
    # A reference that finds the forget texts harder by 3 gives them away.
    hard = MODEL.scores.copy()
    hard.loc[hard["set"] == "forget", "logprob"] -= 30
    found = muse_metrics(MODEL, RETRAIN, Tables(hard, MODEL.generations))
    assert found.metrics["auc.reference"] == 1.0
    assert measure("muse", SuiteInputs(MODEL, RETRAIN, reference=RETRAIN)).metrics[
        "auc.reference"
    ] == pytest.approx(0.5)


def test_a_reference_of_other_texts_is_refused() -> None:
    other = MODEL.scores.assign(zlib_bytes=MODEL.scores["zlib_bytes"] + 1)
    with pytest.raises(UserError, match=r"forget set, item 0 is another text"):
        muse_metrics(MODEL, Tables(other, MODEL.generations))
    with pytest.raises(UserError, match=r"have 1 texts of the forget set"):
        muse_metrics(MODEL, tables([-1.0], [-2.0, -1.0]))


def test_repeated_rows_and_foreign_tables_are_refused() -> None:
    twice = Tables(pd.concat([MODEL.scores, MODEL.scores]), MODEL.generations)
    with pytest.raises(UserError, match=r"forget set, item 0 appears twice"):
        muse_metrics(twice, None)
    foreign = Tables(
        MODEL.scores.assign(set="world_facts"), MODEL.generations.assign(set="world_facts")
    )
    with pytest.raises(UserError, match=r"none of MUSE's sets.*world_facts"):
        muse_metrics(foreign, None)
