import math

import pytest

from simnpo.errors import UserError
from simnpo.evaluation.metrics.model_utility import UTILITY_TERMS, model_utility


def test_harmonic_mean_by_hand() -> None:
    values = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    metrics = dict(zip(UTILITY_TERMS, values, strict=True))
    assert model_utility(metrics) == pytest.approx(9 / (6 + 2 + 2 + 4))


def test_equal_terms_are_their_own_mean() -> None:
    assert model_utility(dict.fromkeys(UTILITY_TERMS, 0.3)) == pytest.approx(0.3)


def test_one_zero_makes_it_zero() -> None:
    assert model_utility({**dict.fromkeys(UTILITY_TERMS, 0.9), UTILITY_TERMS[4]: 0.0}) == 0.0


def test_the_forget_set_has_no_part() -> None:
    metrics = dict.fromkeys(UTILITY_TERMS, 0.3)
    assert len(UTILITY_TERMS) == 9
    assert model_utility({**metrics, "forget.probability": 0.0}) == pytest.approx(0.3)


@pytest.mark.parametrize("bad", [math.nan, None, -0.1, 1.1, math.inf])
@pytest.mark.parametrize("term", UTILITY_TERMS)
def test_an_unusable_term_is_named(term: str, bad: float | None) -> None:
    with pytest.raises(UserError, match=term):
        model_utility({**dict.fromkeys(UTILITY_TERMS, 0.5), term: bad})


def test_an_absent_term_is_named() -> None:
    with pytest.raises(UserError, match=r"world_facts.truth_ratio"):
        model_utility(dict.fromkeys(UTILITY_TERMS[:-1], 0.5))
