import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simnpo.errors import UserError
from simnpo.evaluation.metrics.truth_ratio import (
    forget_truth_ratio,
    log_truth_ratio,
    truth_ratio,
    utility_truth_ratio,
)

LOGPROBS = st.floats(-50, 0)


def test_both_means_by_hand() -> None:
    # Wrong answers 0.2 and 0.05 per token, paraphrase 0.5.
    perturbed, paraphrase = np.log([[0.2, 0.05]]), np.log([0.5])
    geometric = truth_ratio(log_truth_ratio(perturbed, paraphrase))
    arithmetic = truth_ratio(log_truth_ratio(perturbed, paraphrase, "arithmetic"))
    assert geometric == pytest.approx([0.1 / 0.5])  # sqrt(0.2 * 0.05) = 0.1
    assert arithmetic == pytest.approx([0.125 / 0.5])


def test_items_with_fewer_wrong_answers_average_over_those_they_have() -> None:
    perturbed = np.log([[0.2, 0.05], [0.2, 1.0]])
    perturbed[1, 1] = np.nan
    for aggregation, first in (("geometric", 0.1), ("arithmetic", 0.125)):
        log_ratio = log_truth_ratio(perturbed, np.log([0.5, 0.5]), aggregation)
        assert truth_ratio(log_ratio) == pytest.approx([first / 0.5, 0.2 / 0.5])


def test_set_scores_by_hand() -> None:
    log_ratio = np.log([0.5, 2.0, 1.0, 0.25])
    assert forget_truth_ratio(log_ratio) == pytest.approx((0.5 + 0.5 + 1 + 0.25) / 4)
    assert utility_truth_ratio(log_ratio) == pytest.approx((0.5 + 0 + 0 + 0.75) / 4)


def test_a_broken_models_ratios_stay_in_range() -> None:
    log_ratio = log_truth_ratio(np.array([[-1.0], [-5000.0]]), np.array([-5000.0, -1.0]))
    assert truth_ratio(log_ratio).tolist() == [math.inf, 0.0]
    assert forget_truth_ratio(log_ratio) == 0.0
    assert utility_truth_ratio(log_ratio) == pytest.approx(0.5)
    arithmetic = log_truth_ratio(np.array([[-4000.0, -5000.0]]), np.array([-4000.0]), "arithmetic")
    assert arithmetic == pytest.approx([-math.log(2)])


def test_unknown_aggregation_is_refused() -> None:
    # Whether by the function itself or by a run-time type check before it.
    with pytest.raises((UserError, TypeError), match="'geometric'"):
        log_truth_ratio(np.zeros((1, 1)), np.zeros(1), "median")  # type: ignore[arg-type]


@given(arrays(np.float64, (4, 3), elements=LOGPROBS), arrays(np.float64, 4, elements=LOGPROBS))
def test_bounds_and_symmetry(perturbed: np.ndarray, paraphrase: np.ndarray) -> None:
    geometric = log_truth_ratio(perturbed, paraphrase)
    arithmetic = log_truth_ratio(perturbed, paraphrase, "arithmetic")
    assert np.all(arithmetic >= geometric - 1e-9)  # inequality of the means
    for log_ratio in (geometric, arithmetic):
        assert 0 <= forget_truth_ratio(log_ratio) <= 1
        assert 0 <= utility_truth_ratio(log_ratio) <= 1
        # Swapping the likelier with the less likely side leaves the forget score as it is.
        assert forget_truth_ratio(log_ratio) == forget_truth_ratio(-log_ratio)
    # One wrong answer: both means are that answer.
    one = perturbed[:, :1]
    assert log_truth_ratio(one, paraphrase, "arithmetic") == pytest.approx(
        log_truth_ratio(one, paraphrase)
    )
    # The order of wrong answers is of no account; a common factor cancels.
    for aggregation, expected in (("geometric", geometric), ("arithmetic", arithmetic)):
        moved = log_truth_ratio(perturbed[:, ::-1] - 3, paraphrase - 3, aggregation)
        assert moved == pytest.approx(expected, abs=1e-9)
