"""How much came back: hand-worked numbers, and what is said of them."""

import math

import pandas as pd
import pytest

from simnpo.evaluation.suites import SUITES
from simnpo.experiments.attacks.outcomes import Ending, by_metric, in_words, outcomes, with_range
from simnpo.report.curves import COLUMNS, Spread, shown_columns, summarize_seeds

DISPLAY = SUITES["tofu"].display([], [])
ENDING = Ending("two epochs", "random", 2)


def curve(models: dict[str, dict[str, list[list[float]]]]) -> pd.DataFrame:
    """Make a table from values by model, metric, seed and step."""
    rows = [
        (model, "random", seed, step, metric, value)
        for model, metrics in models.items()
        for metric, seeds in metrics.items()
        for seed, steps in enumerate(seeds)
        for step, value in enumerate(steps)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": "float64"})


CURVE = curve(
    {
        "NPO": {
            "forget.probability": [[0.2, 0.3, 0.6], [0.2, 0.4, 0.7]],
            "forget_quality": [[0.1, 0.1, 1e-3], [0.1, 0.1, 1e-5]],
        },
        "Retrain": {
            "forget.probability": [[0.3, 0.3, 0.4], [0.3, 0.3, 0.35]],
            "forget_quality": [[1, 1, 0.1], [1, 1, 0.1]],
        },
    }
)


def test_what_came_back_by_hand() -> None:
    columns = shown_columns(DISPLAY, CURVE)
    assert [column.key for column in columns] == ["forget_quality", "forget.probability"]
    rows = by_metric(outcomes(CURVE, [ENDING], columns), ENDING.title)
    npo = rows["forget.probability"]["NPO"]
    assert npo.before == pytest.approx(0.2)
    assert npo.after == pytest.approx((0.65, 0.6, 0.7, 2))
    assert npo.retrain_before == pytest.approx(0.3)
    assert npo.retrain_after == pytest.approx((0.375, 0.35, 0.4, 2))
    # Seed by seed: 0.4 - 0.1 and 0.5 - 0.05.
    assert npo.beyond_retrain == pytest.approx((0.375, 0.3, 0.45, 2))
    quality = rows["forget_quality"]["NPO"]
    assert quality.after == pytest.approx((1e-4, 1e-5, 1e-3, 2))
    assert math.isnan(quality.beyond_retrain.mean)  # it compares with Retrain already
    assert math.isnan(rows["forget.probability"]["Retrain"].beyond_retrain.mean)


def test_without_retrain_nothing_is_compared() -> None:
    alone = CURVE[CURVE["model"] == "NPO"]
    found = outcomes(alone, [ENDING], shown_columns(DISPLAY, alone))
    assert all(math.isnan(one.retrain_before) for one in found)
    (text,) = in_words(found, DISPLAY)
    assert text == (
        "NPO, two epochs: Forget quality (KS p-value) goes from 0.100 to "
        "1.0×10⁻⁴ (1.0×10⁻⁵ to 0.001)."
    )


def test_the_words_say_the_numbers() -> None:
    (text,) = in_words(outcomes(CURVE, [ENDING], shown_columns(DISPLAY, CURVE)), DISPLAY)
    assert "under the same attack Retrain's goes from 1.000 to 0.100. " in text
    assert text.endswith(
        "Of the other metrics one moved furthest beyond Retrain's: Forget set: probability goes "
        "from 0.200 to 0.650 (0.600 to 0.700); under the same attack Retrain's goes from 0.300 to "
        "0.375 (0.350 to 0.400): 0.375 further up than Retrain."
    )
    assert "Model utility" not in text  # not measured


def test_spreads() -> None:
    assert summarize_seeds([1.0, 3.0]) == Spread(2, 1, 3, 2)
    assert summarize_seeds([1e-2, 1e-4], is_p_value=True).mean == pytest.approx(1e-3)
    assert summarize_seeds([0.0, 1.0], is_p_value=True).mean > 0  # a float ran out
    assert math.isnan(summarize_seeds([1.0, math.nan]).mean) and summarize_seeds([]).seeds == 0
    assert with_range(summarize_seeds([0.5]), "fixed") == "0.500"
    assert with_range(summarize_seeds([0.5, 0.7]), "fixed") == "0.600 (0.500 to 0.700)"
