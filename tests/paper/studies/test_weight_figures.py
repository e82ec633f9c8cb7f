"""Fig. 3a, 3b and 4: gradient weights against answer length and over epochs."""

import math
from pathlib import Path

import pandas as pd
import pytest
from stored_tofu_runs import SEEDS, claim, draw_all, mean, results, store_weights, verdicts

from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study
from simnpo.paper.studies.gradient_weights import correlation, relative_spread

Rows = list[tuple[int, int, int, float]]
TOKENS = (4, 8, 12, 16)


def weighed(by_epoch: dict[int, tuple[float, ...]]) -> Rows:
    return [
        (epoch, example, TOKENS[example], value)
        for epoch, values in by_epoch.items()
        for example, value in enumerate(values)
    ]


def store_both(home: Path, npo: Rows, simnpo: Rows) -> None:
    scale = mini()
    for seed in SEEDS:
        store_weights(home, scale.unlearned(scale.tofu, "npo", seed), npo)
        store_weights(home, scale.unlearned(scale.tofu, "simnpo", seed), simnpo)


UNIFORM, FALLING = (1.0, 1.0, 1.0, 0.95), (0.4, 0.3, 0.2, 0.1)
UNEVEN = (0.2, 0.0, 0.0, 0.2)
NPO = weighed({1: UNIFORM, 2: FALLING, 3: FALLING, 4: UNEVEN})
SIMNPO = weighed({1: FALLING, 2: FALLING, 3: UNEVEN, 4: (0.1, 0.11, 0.11, 0.1)})


def test_correlation_and_spread_by_hand() -> None:
    # Deviations of lengths -2, 0, 2 and of weights 1/3, -2/3, 1/3: their products sum to 0.
    rows = pd.DataFrame({"tokens": [2, 4, 6], "weight": [1.0, 0.0, 1.0]})
    assert correlation(rows) == pytest.approx(0)
    # -1, 0, 1 and -1/3, -1/3, 2/3: 1 / sqrt(2 * 6/9) = sqrt(3)/2.
    rows = pd.DataFrame({"tokens": [1, 2, 3], "weight": [0.0, 0.0, 1.0]})
    assert correlation(rows) == pytest.approx(math.sqrt(3) / 2)
    assert relative_spread(rows) == pytest.approx(math.sqrt(2))
    assert math.isnan(correlation(pd.DataFrame({"tokens": [1, 2], "weight": [1.0, 1.0]})))
    assert math.isnan(relative_spread(pd.DataFrame({"tokens": [1], "weight": [0.0]})))


def test_first_epoch_is_counted_and_drawn(tmp_path: Path) -> None:
    store_both(tmp_path, weighed({1: (1.0, 1.0, 1.05, 0.5)}), SIMNPO)
    found = load_study("fig3a").find(results(tmp_path))
    assert verdicts(found) == ["held"]
    assert mean(found.tables[0], "NPO", "share") == 0.75
    assert "75% of 4 weights from 0.9 to 1.1" in draw_all(found, tmp_path / "plots")
    store_both(tmp_path, weighed({1: (1.0, 0.5, 1.2, 0.3)}), SIMNPO)
    assert verdicts(load_study("fig3a").find(results(tmp_path))) == ["not held"]


def test_boxes_over_epochs(tmp_path: Path) -> None:
    store_both(tmp_path, NPO, SIMNPO)
    found = load_study("fig3b").find(results(tmp_path))
    assert verdicts(found) == ["held"]
    assert mean(found.tables[0], "NPO, epoch 2", "0.5") == pytest.approx(0.25)
    assert "NPO, epoch 2: median 0.25, quartiles 0.175 to 0.325" in draw_all(
        found, tmp_path / "plots"
    )
    store_both(tmp_path, weighed({1: UNIFORM, 2: (1.2,) * 4}), SIMNPO)
    assert verdicts(load_study("fig3b").find(results(tmp_path))) == ["not held"]


def test_weights_against_length(tmp_path: Path) -> None:
    store_both(tmp_path, NPO, SIMNPO)
    found = load_study("fig4").find(results(tmp_path))
    correlations, spreads = found.tables
    assert [column.key for column in correlations.columns] == ["1", "2", "3", "4"]
    assert mean(correlations, "SimNPO", "1") == pytest.approx(-1)
    assert mean(correlations, "NPO", "4") == pytest.approx(0, abs=1e-12)
    assert mean(spreads, "NPO", "4") == pytest.approx(1)
    assert verdicts(found) == ["held"] * 5
    svg = draw_all(found, tmp_path / "plots")
    assert "SimNPO, epoch 1: r = −1.00, mean weight 0.25" in svg
    assert "Weight × 10" in svg


def test_methods_changed_over_are_not_held(tmp_path: Path) -> None:
    store_both(tmp_path, SIMNPO, NPO)
    found = load_study("fig4").find(results(tmp_path))
    assert claim(found, "NPO's weights are more uniform than").verdict == "not held"
    assert claim(found, "SimNPO's weights are more uniform in the last").verdict == "not held"
    assert claim(found, "tell examples apart").verdict == "not held"


def test_weights_that_do_not_vary_have_no_correlation(tmp_path: Path) -> None:
    store_both(tmp_path, NPO, weighed({epoch: (0.1,) * 4 for epoch in (1, 2, 3, 4)}))
    found = load_study("fig4").find(results(tmp_path))
    assert claim(found, "larger for shorter answers").verdict == "not testable"
    assert math.isnan(mean(found.tables[0], "SimNPO", "1"))
