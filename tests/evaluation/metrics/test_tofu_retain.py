import unicodedata

import numpy as np
import pandas as pd
import pytest
from tiny_tofu import generations, item_rows, scores, tiny_tables

from simnpo.errors import UserError
from simnpo.evaluation.metrics.tofu import tofu_metrics
from simnpo.evaluation.tables import Tables


def forget_tables(ratios: list[float], first: int = 0) -> Tables:
    """A forget set whose items, numbered from `first`, have these truth ratios."""
    rows, texts = [], []
    for item, ratio in enumerate(ratios, start=first):
        rows += item_rows("forget", item, -1.0, [-9.0 + np.log(ratio)], -9.0)
        texts.append(("forget", item, f"The answer, {item}.", "said"))
    return Tables(scores(rows), generations(texts))


def test_forget_quality_by_hand() -> None:
    result = tofu_metrics(forget_tables([1, 2, 3.5, 4.5]), forget_tables([3, 4, 5, 6]))
    assert result.metrics["forget_quality"] == pytest.approx(54 / 70)
    assert result.metrics["forget_quality_statistic"] == pytest.approx(0.5)
    assert result.metrics["forget_quality_log10_p"] == pytest.approx(np.log10(54 / 70))
    assert result.forget_quality_items == 4


def test_a_model_against_itself() -> None:
    tables = tiny_tables()
    result = tofu_metrics(tables, tables)
    assert result.metrics["forget_quality"] == 1.0
    assert result.metrics["forget_quality_statistic"] == 0.0
    assert result.notes == []


def test_the_items_that_both_have_are_compared_and_said_so() -> None:
    # Shared: items 2 to 4. Ours there: 1, 2, 3; theirs: 4, 5, 6.
    ours, theirs = forget_tables([50, 60, 1, 2, 3]), forget_tables([4, 5, 6, 0.1], first=2)
    result = tofu_metrics(ours, theirs)
    assert result.forget_quality_items == 3
    assert result.metrics["forget_quality"] == pytest.approx(2 / 20)
    assert any(
        "compares 3 items: the evaluated model has 5, the retain model 4" in note
        for note in result.notes
    )
    assert result.items["forget"] == 5


def test_a_retain_log_that_stopped_early_is_said_so() -> None:
    result = tofu_metrics(forget_tables([1, 2, 3]), forget_tables([1, 2]))
    assert result.forget_quality_items == 2
    assert any("has 3, the retain model 2" in note for note in result.notes)


def test_both_models_ratios_use_the_aggregation_asked_for() -> None:
    # Wrong answers 0.4 and 0.1: means 0.2 and 0.25. A single wrong answer of 0.22 lies between.
    ours = scores(item_rows("forget", 0, -1.0, [np.log(0.4), np.log(0.1)], -1.0))
    ours = pd.concat([ours, scores(item_rows("forget", 1, -1.0, [-5.0], -1.0))])
    theirs = scores(item_rows("forget", 0, -1.0, [np.log(0.22)], -1.0))
    theirs = pd.concat([theirs, scores(item_rows("forget", 1, -1.0, [np.log(0.21)], -1.0))])
    tables, retain = Tables(ours, generations([])), Tables(theirs, generations([]))
    found = {
        aggregation: tofu_metrics(tables, retain, aggregation).metrics["forget_quality_statistic"]
        for aggregation in ("geometric", "arithmetic")
    }
    assert found == {"geometric": 1.0, "arithmetic": 0.5}


def test_another_splits_log_is_refused() -> None:
    ours, theirs = forget_tables([1, 2, 3]), forget_tables([1, 2, 3])
    theirs.generations.loc[1, "reference"] = "Something else"
    with pytest.raises(UserError, match=r"item 1 is 'The answer, 1.' .* 'Something else'"):
        tofu_metrics(ours, theirs)


def test_spaces_and_punctuation_lost_in_decoding_are_no_difference() -> None:
    ours, theirs = forget_tables([1, 2, 3]), forget_tables([1, 2, 3])
    theirs.generations["reference"] = [f" The answer , {item} ." for item in range(3)]
    assert tofu_metrics(ours, theirs).metrics["forget_quality"] == 1.0


@pytest.mark.parametrize("side", [0, 1])
def test_unchecked_questions_are_said_so(side: int) -> None:
    both = [forget_tables([1, 2]), forget_tables([1, 2])]
    both[side] = both[side]._replace(generations=generations([]))
    result = tofu_metrics(*both)
    assert result.metrics["forget_quality"] == 1.0
    assert any("without checking" in note for note in result.notes)


def test_unusable_retain_tables_are_refused() -> None:
    tables = forget_tables([1, 2])
    with pytest.raises(UserError, match="shares no item"):
        tofu_metrics(tables, forget_tables([1, 2], first=2))
    renamed = tables._replace(scores=tables.scores.assign(set="retain"))
    with pytest.raises(UserError, match=r"no forget set; they have \['retain'\]"):
        tofu_metrics(tables, renamed)
    with pytest.raises(UserError, match="retain model's scores table lacks"):
        tofu_metrics(tables, tables._replace(scores=pd.DataFrame({"set": ["forget"]})))


def test_a_p_value_too_small_for_a_float_has_a_note() -> None:
    ratios = np.linspace(1, 2, 700)
    result = tofu_metrics(forget_tables(list(ratios)), forget_tables(list(ratios + 5)))
    assert result.metrics["forget_quality"] == 0.0
    assert result.metrics["forget_quality_log10_p"] is None
    assert any("too small for a float" in note for note in result.notes)


def test_the_retain_model_may_have_answered_in_the_other_unicode_form() -> None:
    names = ["Élan Müller", "Phở ở Hà Nội", "ガラス"]
    ours, theirs = forget_tables([1, 2, 3]), forget_tables([1, 2, 3])
    for tables, form in ((ours, "NFC"), (theirs, "NFD")):
        tables.generations["reference"] = [unicodedata.normalize(form, one) for one in names]
    assert tofu_metrics(ours, theirs).metrics["forget_quality"] == 1.0
    theirs.generations["reference"] = names[::-1]
    with pytest.raises(UserError, match="another forget set"):
        tofu_metrics(ours, theirs)
