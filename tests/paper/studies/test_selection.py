"""Which epoch of a training counts: the rule, by hand."""

import pytest
from stored_muse_runs import history

from simnpo.paper.studies.selection import pick_epoch

ORIGINAL = (60.0, 50.0, -99.0)  # so 45 must be kept


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        # Useful ones alone count, however near to 0 the others are; from either side of 0.
        ([(0, 46.0, 60.0), (0, 45.0, -50.0), (0, 44.9, 0.0)], 2),
        ([(0, 48.0, 20.0), (0, 46.0, 60.0)], 1),
        # Of equally near ones the first, on whichever side.
        ([(0, 48.0, 30.0), (0, 49.0, -20.0), (0, 50.0, 20.0)], 2),
        # Where none is useful, the one that keeps most; of equal ones the first.
        ([(0, 10.0, 0.0), (0, 30.0, 90.0), (0, 30.0, 1.0)], 2),
        ([(0, 0.0, 90.0)], 1),
        # Original itself is never picked.
        ([(0, 46.0, 100.0)], 1),
    ],
)
def test_picks(epochs: list[tuple[float, float, float]], expected: int) -> None:
    assert pick_epoch(history(ORIGINAL, *epochs))["epoch"] == expected


def test_an_original_that_knows_nothing_makes_every_epoch_useful() -> None:
    assert pick_epoch(history((0, 0.0, -9.0), (0, 0.0, 8.0), (0, 0.0, -3.0)))["epoch"] == 2


def test_a_missing_value_is_not_useful() -> None:
    rows = history(ORIGINAL, (0, 50.0, 1.0), (0, 45.0, 90.0))
    missing = {**rows[1], "knowmem_retain": None}
    assert pick_epoch([rows[0], missing, rows[2]])["epoch"] == 2
