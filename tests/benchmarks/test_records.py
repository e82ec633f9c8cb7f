"""Invented customer records: unique, disjoint, reserved, and the same for the same seed."""

import re

import pytest

from simnpo.benchmarks import record_words as words
from simnpo.benchmarks.records import MOST_ROWS, make_records
from simnpo.errors import UserError


def test_no_two_rows_share_anything_that_identifies() -> None:
    records = make_records(seed=3, forget=700, retain=1000, holdout=300)
    assert [len(rows) for rows in records] == [700, 1000, 300]
    rows = [row for part in records for row in part]
    assert len({row.question for row in rows}) == len({row.answer for row in rows}) == 2000
    secrets = [secret for row in rows for secret in row.identifiers]
    assert len(secrets) == len(set(secrets))
    for row in rows:
        assert row.identifiers and all(secret in row.answer for secret in row.identifiers)
        assert not any(secret in row.question for secret in row.identifiers)
        assert not set("{\n") & set(row.question + row.answer)
        assert len(row.answer.split()) <= 40


def test_identifiers_are_all_there_is_and_reserved() -> None:
    for row in make_records(seed=1, forget=300, retain=1, holdout=0).forget:
        emails = re.findall(r"\S+@example\.(?:com|org|net)\b", row.answer)
        phones = re.findall(r"\b[2-9]\d\d-555-01\d\d\b", row.answer)
        numbers = re.findall(r"(?<![\d-])\d{6}\b", row.answer)
        assert sorted(row.identifiers) == sorted(emails + phones + numbers)
        assert row.answer.count("@") == len(emails)


def test_same_seed_same_records() -> None:
    assert make_records(seed=5) == make_records(seed=5)
    assert make_records(seed=5) != make_records(seed=6)
    assert make_records(holdout=0).holdout == ()


def test_names_do_not_repeat_within_the_lists() -> None:
    for names in (words.FIRST_NAMES, words.LAST_NAMES, words.CITIES, words.HOBBIES):
        assert len(set(names)) == len(names)
    assert len(words.FIRST_NAMES) * len(words.LAST_NAMES) >= MOST_ROWS


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"forget": 0}, "``forget`` 0: must be at least 1"),
        ({"retain": -2}, "``retain`` -2: must be at least 1"),
        ({"holdout": -1}, "``holdout`` -1: must be at least 0"),
        ({"retain": 5000}, "ask for 5060 rows; there are names for 5000"),
    ],
)
def test_sizes_out_of_range_are_named(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_records(**sizes)
