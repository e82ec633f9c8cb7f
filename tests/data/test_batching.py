"""Batches under a token budget, and masks that come from lengths."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from simnpo.data.batching import pad, token_budget_batches
from simnpo.data.encoding import Encoded


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 200))
def test_every_index_once_and_the_budget_kept(lengths: list[int], budget: int) -> None:
    batches = token_budget_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        cost = len(batch) * max(lengths[index] for index in batch)
        assert batch and (cost <= budget or len(batch) == 1)
    widest = [max(lengths[index] for index in batch) for batch in batches]
    assert widest == sorted(widest, reverse=True)


def test_batches_worked_by_hand() -> None:
    # 7 alone exceeds 6; 3 + 3 fit 2 x 3; 2, 1 and 1 fit 3 x 2
    assert token_budget_batches([3, 1, 7, 2, 3, 1], 6) == [[2], [0, 4], [3, 1, 5]]
    assert token_budget_batches([], 10) == []
    assert token_budget_batches([5, 5, 5], 10) == [[0, 1], [2]]


@pytest.mark.parametrize("pad_id", [0, 1, 9])
def test_masks_come_from_lengths_and_not_from_ids(pad_id: int) -> None:
    batch = pad([Encoded((0, 1, 9, 1), 2), Encoded((1, 0), 1)], pad_id)
    assert batch["input_ids"].tolist() == [[0, 1, 9, 1], [1, 0, pad_id, pad_id]]
    assert batch["answer_mask"].int().tolist() == [[0, 0, 1, 1], [0, 1, 0, 0]]
    assert batch["answer_mask"].dtype == torch.bool
    assert batch["input_ids"].dtype == torch.long


@given(
    st.lists(
        st.lists(st.integers(0, 3), min_size=2, max_size=12).flatmap(
            lambda ids: st.tuples(st.just(ids), st.integers(1, len(ids) - 1))
        ),
        min_size=1,
        max_size=6,
    )
)
def test_ids_and_answers_can_be_taken_back_out(rows: list[tuple[list[int], int]]) -> None:
    encoded = [Encoded(tuple(ids), start) for ids, start in rows]
    batch = pad(encoded, 0)
    for row, one in enumerate(encoded):
        assert tuple(batch["input_ids"][row, : len(one.ids)].tolist()) == one.ids
        answer = batch["input_ids"][row][batch["answer_mask"][row]].tolist()
        assert tuple(answer) == one.ids[one.start :]
        assert len(answer) == one.answer_length
