"""A model that answers nothing: every number is there, and a line counts the empty answers."""

import math
from typing import Any

import pytest
import tiny_muse
from own_tables import Row
from own_tables import tables as own_tables
from tiny_tofu import tiny_tables

from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.tables import Tables


def silent(tables: Tables) -> Tables:
    return tables._replace(generations=tables.generations.assign(generated=""))


@pytest.mark.parametrize(
    ("suite", "tables", "answers"),
    [
        ("tofu", tiny_tables(), 8),
        ("muse", tiny_muse.tables([-1.0, -2.0], [-1.5, -3.0]), 4),
        ("own", own_tables({"forget": [Row("Ada", "Ada")] * 2, "retain": [Row("北京", "x")]}), 3),
    ],
)
def test_all_numbers_are_finite_and_rouge_is_0(suite: str, tables: Tables, answers: int) -> None:
    found = measure(suite, SuiteInputs(silent(tables), tables))
    missing = {name for name, value in found.metrics.items() if value is None}
    assert missing == {
        name
        for name, value in measure(suite, SuiteInputs(tables, tables)).metrics.items()
        if value is None
    }
    numbers: list[Any] = [value for value in found.metrics.values() if value is not None]
    assert all(math.isfinite(value) for value in numbers)
    generated = {"verbmem", "knowmem_forget", "knowmem_retain"}
    rouge = [v for k, v in found.metrics.items() if k.endswith("rouge_l") or k in generated]
    assert rouge and set(rouge) == {0.0}
    (note,) = (note for note in found.notes if "empty" in note)
    assert note.startswith(f"{answers} of {answers} answers are empty")
    assert not any("empty" in note for note in measure(suite, SuiteInputs(tables, tables)).notes)
