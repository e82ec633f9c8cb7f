"""How much a text repeats itself, counted by hand."""

import pytest

from simnpo.evaluation.metrics.repetition import repetition


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Six runs of four words; "a b c d" is the only one that comes twice.
        ("a b c d a b c d e", 1 / 6),
        ("a b c d e f g h", 0),
        # Five runs, one distinct: four of them stood there before.
        ("a a a a a a a a", 4 / 5),
        # Five runs, "a b a b" three times and "b a b a" twice.
        ("a b a b a b a b", 3 / 5),
        ("A b C d a B c D", 1 / 5),
        ("a\nb  c d\ta b c d", 1 / 5),
        # Too short for a run, or for two.
        ("", 0),
        ("a a a", 0),
        ("a a a a", 0),
    ],
)
def test_share_of_runs_that_stood_before(text: str, expected: float) -> None:
    assert repetition(text) == pytest.approx(expected)


def test_shorter_runs_repeat_sooner() -> None:
    # Words one by one: a, b, a, b, c of which two are again; pairs: ab, ba, ab, bc of which one is.
    assert repetition("a b a b c", words=1) == pytest.approx(2 / 5)
    assert repetition("a b a b c", words=2) == pytest.approx(1 / 4)


def test_punctuation_makes_another_word() -> None:
    assert repetition("a b c d. a b c d") == 0


def test_what_is_said_again_and_again_goes_towards_one() -> None:
    shares = [repetition("one two three four " * times) for times in (1, 2, 4, 16)]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] > 0.9
