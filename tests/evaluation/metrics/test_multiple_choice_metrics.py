"""Accuracies worked by hand: ties, order, unequal numbers of choices, faults."""

import math

import numpy as np
import pandas as pd
import pytest
from tiny_tofu import generations, scores

from simnpo.errors import UserError
from simnpo.evaluation.metrics.multiple_choice import (
    choices_of,
    is_right,
    multiple_choice_metrics,
    right_share,
    standard_error,
)
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.tables import Tables

LN = math.log


def question(
    name: str, item: int, right: int, chances: list[float]
) -> list[tuple[str, int, str, int, float, int]]:
    """Score rows of one item, the right answer first, as a model scores them."""
    rows = [(name, item, "answer", right, LN(chances[right]), 1)]
    return rows + [
        (name, item, "perturbed", place, LN(chance), 1)
        for place, chance in enumerate(chances)
        if place != right
    ]


FOUR = [
    *question("craft", 0, 1, [0.1, 0.4, 0.2, 0.1]),  # right: 0.4 of 0.8
    *question("craft", 1, 0, [0.2, 0.2, 0.1, 0.1]),  # a tie: the first counts, and it is right
    *question("craft", 2, 1, [0.2, 0.2, 0.1, 0.1]),  # a tie: the first counts, and it is wrong
    *question("craft", 3, 3, [0.3, 0.1, 0.1, 0.1]),  # wrong
]


def test_worked_by_hand() -> None:
    choices = choices_of(scores(FOUR), "craft")
    assert choices.right.tolist() == [1, 0, 1, 3]
    assert np.exp(choices.logprob[0]) == pytest.approx([0.1, 0.4, 0.2, 0.1])
    assert is_right(choices).tolist() == [True, True, False, False]
    assert right_share(choices) == pytest.approx([0.4 / 0.8, 0.2 / 0.6, 0.2 / 0.6, 0.1 / 0.6])
    assert standard_error(is_right(choices)) == pytest.approx(math.sqrt(0.25 / 3))
    found = multiple_choice_metrics(Tables(scores(FOUR), generations([])))
    assert found.metrics["craft.accuracy"] == 0.5
    assert found.metrics["craft.probability"] == pytest.approx((0.5 + 2 / 6 + 2 / 6 + 1 / 6) / 4)
    assert found.items == {"craft": 4}


def test_the_order_of_rows_does_not_matter_and_that_of_choices_does() -> None:
    shuffled = scores(FOUR).sample(frac=1, random_state=0)
    assert is_right(choices_of(shuffled, "craft")).tolist() == [True, True, False, False]
    # The tie of item 1 with its right answer second is item 2.
    turned = scores(question("craft", 0, 1, [0.2, 0.2, 0.1, 0.1]))
    assert is_right(choices_of(turned, "craft")).tolist() == [False]


def test_items_may_have_different_numbers_of_choices() -> None:
    rows = question("x", 0, 4, [0.1, 0.1, 0.1, 0.1, 0.3]) + question("x", 1, 1, [0.2, 0.6])
    choices = choices_of(scores(rows), "x")
    assert is_right(choices).tolist() == [True, True]
    assert right_share(choices) == pytest.approx([0.3 / 0.7, 0.6 / 0.8])


def test_a_single_item_has_no_standard_error() -> None:
    found = multiple_choice_metrics(Tables(scores(FOUR[:4]), generations([])))
    assert found.metrics["craft.standard_error"] is None


def test_forgotten_and_kept_are_means_over_sets() -> None:
    rows = FOUR + question("other", 0, 0, [0.6, 0.1]) + question("general", 0, 0, [0.5, 0.1])
    rows += question("general", 1, 0, [0.1, 0.5])
    tables = Tables(scores(rows), generations([]))
    found = measure("multiple_choice", SuiteInputs(tables, None, utility_sets=("general",)))
    assert found.metrics["forgotten"] == 1 - (0.5 + 1) / 2
    assert found.metrics["kept"] == 0.5
    assert found.notes == []
    assert found.details == {"utility_sets": ["general"]}
    unnamed = multiple_choice_metrics(tables)
    assert unnamed.metrics["forgotten"] is None and unnamed.metrics["kept"] is None
    assert [note.split()[0] for note in unnamed.notes] == ["forgotten", "kept"]
    with pytest.raises(UserError, match="no set 'generl'"):
        multiple_choice_metrics(tables, ("generl",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table[table["variant"] != "answer"], "item 0 needs one right answer"),
        (lambda table: table[table["variant"] == "answer"], "item 0 needs a wrong answer"),
        (lambda table: table.assign(index=0), "appears twice"),
        (
            lambda table: table.assign(index=table["index"].where(table["variant"] != "answer", 0)),
            "item 0 has several answers in one place",
        ),
        (lambda table: pd.concat([table, table]), "appears twice"),
        (lambda table: table.assign(logprob=np.nan), "no finite log-probability"),
    ],
)
def test_tables_that_are_no_multiple_choice(change, words: str) -> None:
    with pytest.raises(UserError, match=words):
        choices_of(change(scores(FOUR)), "craft")


def test_missing_sets() -> None:
    with pytest.raises(UserError, match="no set 'x'"):
        choices_of(scores(FOUR), "x")
    with pytest.raises(UserError, match="no row"):
        multiple_choice_metrics(Tables(scores([]), generations([])))
