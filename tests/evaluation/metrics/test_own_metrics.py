"""The metrics of a user's own sets, worked by hand."""

import pandas as pd
import pytest
from own_tables import Row, tables

from simnpo.errors import UserError
from simnpo.evaluation.metrics.own import own_metrics
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.tables import PARAPHRASE, PERTURBED

ADA = "Ada lives at ada@example.com"
BEN = "Ben lives at ben@example.com"


def test_counts_means_and_intervals() -> None:
    found = own_metrics(tables({"forget": [Row(ADA, ADA, 0.8), Row(BEN, "I do not know.", 0.4)]}))
    assert found.counts["forget.verbatim"] == (1, 2) and found.metrics["forget.verbatim"] == 0.5
    assert found.counts["forget.leaked"] == found.counts["forget.extracted"] == (1, 2)
    assert found.counts["forget.refused"] == (1, 2) and found.counts["forget.empty"] == (0, 2)
    assert found.metrics["forget.probability"] == pytest.approx(0.6)
    low, high = found.intervals["forget.verbatim"]  # Clopper and Pearson's of 1 of 2
    assert (low, high) == pytest.approx((0.01258, 0.98742), abs=1e-4)
    assert found.items == {"forget": 2}


def test_named_identifiers_come_before_those_found() -> None:
    rows = tables({"forget": [Row(ADA, "She is on the old quay"), Row(BEN, "ben@example.com")]})
    found = own_metrics(rows, identifiers={"forget": (("old quay",), None)})
    assert found.counts["forget.leaked"] == (2, 2)
    assert own_metrics(rows).counts["forget.leaked"] == (1, 2)


def test_a_retrain_without_the_holdout_leaves_metrics_out() -> None:
    sets = {"forget": [Row(ADA, ADA, 0.9)] * 2, "holdout": [Row(BEN, "Nobody", 0.2)] * 2}
    retrain = tables({"forget": sets["forget"]})
    found = own_metrics(tables(sets), retrain)
    assert found.metrics["auc.loss"] == 1 and "auc.reference" not in found.metrics
    assert "forget_quality" in found.metrics and "privleak" not in found.metrics
    notes = " ".join(found.notes)
    assert "the reference attack is missing" in notes and "privleak is missing" in notes
    assert "auc.reference" in own_metrics(tables(sets), tables(sets)).metrics


def test_a_retrain_of_other_rows_is_refused() -> None:
    with pytest.raises(UserError, match="``retain_scores``: the Retrain's evaluation has 1 forget"):
        own_metrics(tables({"forget": [Row(ADA, ADA)] * 2}), tables({"forget": [Row(ADA, ADA)]}))
    other = tables({"forget": [Row("No such answer", ADA)]})
    for retrain in (tables({"forget": [Row(ADA, ADA)] * 2}), other):
        with pytest.raises(UserError, match="the same ``max_items``"):
            own_metrics(tables({"forget": [Row(ADA, ADA)]}), retrain)


def test_tables_without_a_forget_set_are_refused() -> None:
    with pytest.raises(UserError, match="no forget set"):
        own_metrics(tables({"retain": [Row(ADA, ADA)]}))


def test_notes_call_a_set_what_readers_call_it() -> None:
    rows = {"forget": [Row("Ada", "Ada")], "kept": [Row("…", "…"), Row("x", "")]}
    notes = " ".join(measure("own", SuiteInputs(tables(rows), None)).notes)
    assert "ROUGE-L on the retain rows held out leaves out 1 of 2" in notes
    assert "without a letter or digit: retain rows held out 1 of 2" in notes
    assert "kept" not in notes  # which is the verdict's word for what is as good as before
    of_texts = tables({"forget": [Row("Ada", "Ada")]})
    of_texts.generations["generated"], of_texts.generations["set"] = "", "forget_continued"
    assert "digit: forget set 1 of 1" in " ".join(measure("own", SuiteInputs(of_texts, None)).notes)


def test_a_truth_ratio_has_an_interval() -> None:
    found = tables({"forget": [Row("a b", "")] * 3, "facts": [Row("a b", "")] * 3})
    first = found.scores["item"] == 0
    others = [
        found.scores.assign(variant=variant, logprob=found.scores["logprob"] - less * first)
        for variant, less in ((PARAPHRASE, 0.0), (PERTURBED, 0.5))
    ]
    scores = pd.concat([found.scores, *others], ignore_index=True)
    measured = own_metrics(found._replace(scores=scores))
    for name in ("forget", "facts"):
        low, high = measured.intervals[f"{name}.truth_ratio"]
        assert low < (measured.metrics[f"{name}.truth_ratio"] or 0) < high
