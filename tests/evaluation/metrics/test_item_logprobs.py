import numpy as np
import pandas as pd
import pytest
from tiny_tofu import item_rows, scores

from simnpo.errors import UserError
from simnpo.evaluation.metrics.item_logprobs import item_logprobs


def two_items() -> pd.DataFrame:
    rows = item_rows("forget", 3, -0.5, [-1.0, -2.0], -0.75, tokens=4)
    rows += item_rows("forget", 1, -0.25, [-3.0], -1.25, tokens=2)
    return scores(rows + item_rows("other", 0, -9.0, [-9.0]))


def test_values_per_token_by_item() -> None:
    found = item_logprobs(two_items(), "forget")
    assert found.items.tolist() == [1, 3]
    assert found.answer.tolist() == [-0.25, -0.5]
    assert found.paraphrase.tolist() == [-1.25, -0.75]
    np.testing.assert_array_equal(found.perturbed, [[-3.0, np.nan], [-1.0, -2.0]])


def test_row_order_is_of_no_account() -> None:
    table = two_items()
    expected = item_logprobs(table, "forget")
    for seed in range(5):
        found = item_logprobs(table.sample(frac=1, random_state=seed), "forget")
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_answer_stands_in_for_absent_paraphrases() -> None:
    found = item_logprobs(two_items(), "other")
    assert found.paraphrase.tolist() == found.answer.tolist() == [-9.0]


def test_an_absent_set_is_named() -> None:
    with pytest.raises(UserError, match=r"no set 'retain'.*\['forget', 'other'\]"):
        item_logprobs(two_items(), "retain")


@pytest.mark.parametrize("variant", ["answer", "paraphrase", "perturbed"])
def test_an_item_without_a_variant_is_named(variant: str) -> None:
    table = two_items()
    table = table[(table["item"] != 3) | (table["variant"] != variant)]
    with pytest.raises(UserError, match=f"item 3 has no row of variant '{variant}' .1 of 2"):
        item_logprobs(table, "forget")


def test_a_set_without_wrong_answers_is_refused() -> None:
    table = two_items()
    with pytest.raises(UserError, match=r"item 1 has no row of variant 'perturbed' .2 of 2"):
        item_logprobs(table[table["variant"] != "perturbed"], "forget")


def test_a_repeated_row_is_named() -> None:
    table = two_items()
    with pytest.raises(UserError, match=r"forget set, item 3, perturbed 1 .* appears twice"):
        item_logprobs(pd.concat([table, table.iloc[[3]]]), "forget")


@pytest.mark.parametrize("variant", ["answer", "paraphrase"])
def test_a_second_right_answer_is_refused(variant: str) -> None:
    extra = scores([("forget", 1, variant, 1, -1.0, 1)])
    with pytest.raises(UserError, match=f"item 1 has more than one row of variant '{variant}'"):
        item_logprobs(pd.concat([two_items(), extra]), "forget")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("tokens", 0, "no answer tokens"),
        ("logprob", np.nan, "no finite log-probability"),
        ("logprob", -np.inf, "no finite log-probability"),
        ("logprob", 0.5, "positive log-probability"),
        ("variant", "false", "not a known variant"),
    ],
)
def test_an_unusable_row_is_named(column: str, value: object, message: str) -> None:
    table = two_items()
    table.loc[1, column] = value
    with pytest.raises(UserError, match=f"forget set, item 3, .*{message}"):
        item_logprobs(table, "forget")


def test_rounding_above_zero_counts_as_certainty() -> None:
    table = scores(item_rows("forget", 0, 1e-7, [-1.0]))
    assert item_logprobs(table, "forget").answer.tolist() == [0.0]
