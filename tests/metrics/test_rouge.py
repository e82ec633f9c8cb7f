import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simnpo.metrics.rouge import rouge_l_recall


def recall(reference: str, generated: str) -> float:
    return float(rouge_l_recall([(reference, generated)])[0])


def test_recall_by_hand() -> None:
    # The longest common subsequence is "the cat mat": 3 of the reference's 6 words.
    assert recall("the cat sat on the mat", "the black cat mat") == pytest.approx(3 / 6)
    # Recall, not precision: words beyond the reference cost nothing.
    assert recall("Paris", "It is Paris, of course, the capital") == 1.0
    # A subsequence, not a bag of words: only one of the two keeps its order.
    assert recall("red blue", "blue red") == pytest.approx(1 / 2)
    assert recall("The authors WROTE books.", "author wrote book") == pytest.approx(3 / 4)


def test_nothing_generated_recalls_nothing() -> None:
    assert recall("a true answer", "") == 0.0


def test_a_reference_without_words_has_no_recall() -> None:
    assert np.isnan(recall("…", "something"))
    assert np.isnan(recall("", "something"))


def test_many_pairs_keep_their_order() -> None:
    pairs = [("a b", "a b"), ("a b", "a"), ("a b", "c")]
    assert rouge_l_recall(pairs).tolist() == [1.0, 0.5, 0.0]
    assert rouge_l_recall([]).shape == (0,)


@pytest.mark.parametrize("name", ["retain90", "retain95"])
def test_official_recall_from_official_text(official_log: Callable[[str], Path], name: str) -> None:
    log = json.loads(official_log(name).read_text())
    for part in log.values():
        pairs = [(reference, generated) for _, generated, reference in part["generated_text"]]
        assert rouge_l_recall(pairs) == pytest.approx(part["rougeL_recall"], abs=1e-6)
