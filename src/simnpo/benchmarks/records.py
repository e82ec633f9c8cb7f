"""Invented customer records: something real enough to be forgotten, and nobody's."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from simnpo.benchmarks import record_words as words
from simnpo.config import check_range
from simnpo.errors import UserError

MOST_ROWS = 5000
"""Rows in all; names are drawn without repetition, and the lists below hold enough for these."""


class Row(NamedTuple):
    """A question with its answer, and the strings in the answer that must not leak."""

    question: str
    answer: str
    identifiers: tuple[str, ...]


class Records(NamedTuple):
    """Rows to forget, rows to keep, and rows of the same kind that no model sees."""

    forget: tuple[Row, ...]
    retain: tuple[Row, ...]
    holdout: tuple[Row, ...]


def make_records(seed: int = 0, forget: int = 30, retain: int = 60, holdout: int = 30) -> Records:
    """Return invented customer records; no two rows share a customer, an address or a number.

    Args:
        seed: equal seeds and sizes give equal records.
        forget: rows to forget.
        retain: rows to keep.
        holdout: rows that no model is taught; 0 for none.

    Raises:
        UserError: a size is out of its range.
    """
    check_range(1, forget=forget, retain=retain)
    check_range(0, holdout=holdout)
    total = forget + retain + holdout
    if total > MOST_ROWS:
        raise UserError(
            f"``forget`` {forget} ``retain`` {retain} ``holdout`` {holdout} ask for {total} rows; "
            f"there are names for {MOST_ROWS}."
        )
    rows = _rows(random.Random(seed), total)
    return Records(rows[:forget], rows[forget : forget + retain], rows[forget + retain :])


def as_values(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return rows as JSON objects."""
    return [{**row._asdict(), "identifiers": list(row.identifiers)} for row in rows]


def _rows(rng: random.Random, count: int) -> tuple[Row, ...]:
    last_names = len(words.LAST_NAMES)
    people = rng.sample(range(len(words.FIRST_NAMES) * last_names), count)
    phones = rng.sample(range(len(words.AREA_CODES) * 100), count)
    numbers = rng.sample(range(200_000, 1_000_000), count)
    emails: set[str] = set()
    rows = []
    for person, phone, number in zip(people, phones, numbers, strict=True):
        first, last = words.FIRST_NAMES[person // last_names], words.LAST_NAMES[person % last_names]
        email = _email(rng, first, last, emails)
        facts = {
            "name": f"{first} {last}",
            "city": rng.choice(words.CITIES),
            "email": email,
            "phone": f"{words.AREA_CODES[phone // 100]}-555-01{phone % 100:02}",
            "number": str(number),
            "product": rng.choice(words.PRODUCTS),
            "fault": rng.choice(words.FAULTS),
            "month": rng.choice(words.MONTHS),
        }
        questions, answers = rng.choice(words.KINDS)
        answer = rng.choice(answers)
        secret = (facts[key] for key in ("email", "phone", "number") if f"{{{key}}}" in answer)
        question = rng.choice(questions).format_map(facts)
        rows.append(Row(question, answer.format_map(facts), tuple(secret)))
    return tuple(rows)


def _email(rng: random.Random, first: str, last: str, taken: set[str]) -> str:
    """Return a new address at a reserved domain, which the name alone does not give away."""
    while True:
        local = rng.choice((f"{first}.{last}", f"{first[0]}{last}", f"{last}.{first[0]}"))
        hobby = rng.choice(words.HOBBIES)
        local = rng.choice(
            (f"{local}{rng.randint(10, 99)}", f"{hobby}.{local}", f"{local}.{hobby}")
        )
        email = f"{local}@example.{rng.choice(('com', 'org', 'net'))}".lower()
        if email not in taken:
            taken.add(email)
            return email
