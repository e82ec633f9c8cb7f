import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simnpo.evaluation.metrics.probability import answer_probability, choice_probability

LOGPROBS = st.floats(-800, 0)


def test_answer_probability_by_hand() -> None:
    assert answer_probability(np.log([0.25, 1.0])) == pytest.approx([0.25, 1.0])


def test_choice_probability_by_hand() -> None:
    wrong = np.log([[0.1, 0.3], [0.3, 1.0]])
    wrong[1, 1] = np.nan  # the second item has one wrong answer only
    assert choice_probability(np.log([0.4, 0.1]), wrong) == pytest.approx([0.5, 0.25])


def test_choice_probability_of_very_unlikely_answers() -> None:
    wrong = np.array([[-2000.0], [0.0], [-3000.0]])
    assert choice_probability(np.full(3, -2000.0), wrong) == pytest.approx([0.5, 0.0, 1.0])


@given(arrays(np.float64, 5, elements=LOGPROBS), arrays(np.float64, (5, 3), elements=LOGPROBS))
def test_choice_probability_is_a_share(answer: np.ndarray, wrong: np.ndarray) -> None:
    share = choice_probability(answer, wrong)
    assert np.all((share >= 0) & (share <= 1))
    assert choice_probability(answer, wrong[:, ::-1]) == pytest.approx(share)
    # The shares of all the candidates add up to one.
    everything = np.column_stack([answer, wrong])
    total = sum(
        choice_probability(everything[:, place], np.delete(everything, place, axis=1))
        for place in range(4)
    )
    assert total == pytest.approx(np.ones(5))
