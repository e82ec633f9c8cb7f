"""Which retain rows are held out of training."""

import time

import pytest

from simnpo.data.examples import Example
from simnpo.data.held_out import hold_out


def rows(count: int) -> tuple[Example, ...]:
    return tuple(Example(f"Question {n}?", f"Answer {n}.") for n in range(count))


@pytest.mark.parametrize(
    ("count", "held"),
    [
        (0, 0),
        (1, 0),
        (3, 0),
        (4, 2),
        (5, 2),
        (15, 7),
        (20, 10),
        (30, 10),
        (50, 10),
        (60, 12),
        (64, 12),
        (1000, 200),
    ],
)
def test_how_many(count: int, held: int) -> None:
    """A fifth, at least ten, at most half; none of fewer than four."""
    trained, kept = hold_out(rows(count), 0)
    assert len(kept) == held and len(trained) == count - held
    assert sorted(trained + kept) == sorted(rows(count))
    order = rows(count).index
    assert list(trained) == sorted(trained, key=order) and list(kept) == sorted(kept, key=order)


def test_the_seed_decides_which() -> None:
    retain = rows(60)
    assert hold_out(retain, 1) == hold_out(retain, 1)
    assert len({hold_out(retain, seed)[1] for seed in range(10)}) == 10
    held = [row for seed in range(200) for row in hold_out(retain, seed)[1]]
    assert all(15 <= held.count(row) <= 70 for row in retain)  # 200 / 5 = 40 on average


@pytest.mark.parametrize("seed", range(5))
def test_equal_questions_or_answers_stay_on_one_side(seed: int) -> None:
    """Rows are linked over several steps: a-b by the question, b-c by the answer."""
    linked = [Example("Who?", "Ada."), Example(" WHO? ", "Bo."), Example("Whose?", "bo.")]
    texts = [Example(None, "A text."), Example(None, "A  text.")]
    retain = (*linked, *rows(20), *texts)
    trained, kept = hold_out(retain, seed)
    assert len(kept) == 10
    for group in (linked, texts):
        assert len({one in kept for one in group}) == 1
        assert len({one in trained for one in group}) == 1


def test_a_text_that_is_also_an_answer_stays_on_its_side() -> None:
    retain = (Example(None, "Ada."), Example("Who?", "ada."), *rows(2))
    for seed in range(20):
        _, kept = hold_out(retain, seed)
        assert len(kept) == 2 and len({one in kept for one in retain[:2]}) == 1


def test_one_group_of_all_rows_holds_none_out() -> None:
    retain = tuple(Example(f"Is it {n}?", "Yes.") for n in range(30))
    assert hold_out(retain, 0) == (retain, ())


def test_groups_too_large_for_the_share_give_the_smallest() -> None:
    retain = tuple(Example(f"Is it {n}?", "No." if n % 3 else "Yes.") for n in range(90))
    trained, kept = hold_out(retain, 0)
    assert len(kept) == 30 and {row.answer for row in kept} == {"Yes."}
    assert {row.answer for row in trained} == {"No."}


def test_rows_that_hold_an_example() -> None:
    retain = [(number, row) for number, row in enumerate(rows(8))]
    trained, kept = hold_out(retain, 0, lambda pair: pair[1])
    assert len(kept) == 4 and {number for number, _ in trained + kept} == set(range(8))


def test_ten_thousand_rows_take_no_time() -> None:
    began = time.process_time()
    assert len(hold_out(rows(10_000), 0)[1]) == 2000
    chain = tuple(Example(f"{n // 2}?", f"{(n + 1) // 2}.") for n in range(10_000))
    assert hold_out(chain, 0) == (chain, ())
    assert time.process_time() - began < 10
