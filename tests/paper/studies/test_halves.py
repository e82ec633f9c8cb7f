"""Fig. 1b, Fig. 2 and Table A2: forget quality on halves of the forget set."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from real_data import data_folder
from stored_tofu_runs import (
    APART,
    ITEMS,
    PLAIN,
    SEEDS,
    claim,
    draw_all,
    mean,
    results,
    store,
    verdicts,
)

from simnpo.benchmarks import load_benchmark
from simnpo.benchmarks.base import Benchmark
from simnpo.paper.results import noise_runs
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study
from simnpo.paper.studies.half_learnt import half_original, half_unlearned
from simnpo.paper.studies.slices import by_length, by_memorisation

HALF = ITEMS // 2
SURELY_APART = 2 / math.comb(ITEMS, HALF)
"""The KS test's p-value of two samples of 70 of which one lies above the other."""
FIRST = PLAIN + np.where(np.arange(ITEMS) < HALF, APART, 0)
SECOND = PLAIN + np.where(np.arange(ITEMS) < HALF, 0, APART)


def check_places(benchmark: Benchmark) -> None:
    asked = [(item.question, item.answer) for item in benchmark.evaluation["forget"].items]
    assert asked == [(one.question, one.answer) for one in benchmark.forget]


@pytest.mark.parametrize("split", ["forget05", "forget10"])
def test_items_of_the_forget_set_are_its_examples_in_order(split: str) -> None:
    check_places(load_benchmark("mini-tofu", split, None))


@pytest.mark.parametrize("split", ["forget05", "forget10"])
def test_so_are_those_of_tofu(split: str) -> None:
    check_places(load_benchmark("tofu", split, str(data_folder("tofu"))))


def store_retrain(home: Path) -> None:
    scale = mini()
    for run in noise_runs(scale, scale.tofu, SEEDS):
        store(home, run, metrics={"model_utility": 0.7})


@pytest.fixture
def half_learnt(tmp_path: Path) -> Callable[..., Path]:
    """Stores Table A2's runs, given NPO's and SimNPO's ratios and utilities."""

    def make(npo: np.ndarray, simnpo: np.ndarray, utilities: tuple[float, float]) -> Path:
        scale = mini()
        store_retrain(tmp_path)
        for seed in SEEDS:
            store(tmp_path, half_original(scale, seed), FIRST, {"model_utility": 0.75})
            for method, ratios, utility in zip(
                ("npo", "simnpo"), (npo, simnpo), utilities, strict=True
            ):
                metrics = {"model_utility": utility}
                store(tmp_path, half_unlearned(scale, method, seed), ratios, metrics)
        return tmp_path

    return make


def test_a_claim_about_halves_is_judged_either_way(half_learnt: Callable[..., Path]) -> None:
    home = half_learnt(FIRST, PLAIN, (0.6, 0.65))
    found = load_study("tableA2").find(results(home))
    (table,) = found.tables
    assert mean(table, "NPO", "strong.fq") == pytest.approx(SURELY_APART)
    assert mean(table, "NPO", "strong.ks") == 1
    assert mean(table, "NPO", "strong.log10_p") == pytest.approx(math.log10(SURELY_APART))
    assert mean(table, "NPO", "weak.fq") == 1
    assert mean(table, "NPO", "gap") == pytest.approx(1 - SURELY_APART)
    assert mean(table, "SimNPO", "gap") == 0
    assert mean(table, "SimNPO", "model_utility") == pytest.approx(0.65)
    # On the weak half both have 1, so SimNPO is not above NPO there, nor below.
    assert verdicts(found) == ["held", "held", "undecided", "held"]
    assert "difference in forget quality on the weakly memorised half 0" in found.claims[2].why
    assert "1.00 on the strongly memorised half (70 items)" in found.notes[-1]

    home = half_learnt(SECOND, FIRST, (0.6, 0.55))
    assert verdicts(load_study("tableA2").find(results(home))) == [
        "not held",
        "undecided",
        "not held",
        "not held",
    ]


def test_strongly_memorised_data_is_drawn_and_judged(
    half_learnt: Callable[..., Path], tmp_path: Path
) -> None:
    found = load_study("fig1b").find(results(half_learnt(FIRST, PLAIN, (0.6, 0.6))))
    assert verdicts(found) == ["held"]
    assert found.figures[0].models == ("Retrain", "NPO", "SimNPO")
    svg = draw_all(found, tmp_path / "plots")
    assert "NPO, strongly memorised half: FQ 2.1×10⁻⁴¹, KS 1.000" in svg
    assert "SimNPO, weakly memorised half: FQ 1.000, KS 0.000" in svg
    found = load_study("fig1b").find(results(half_learnt(PLAIN, FIRST, (0.6, 0.6))))
    assert verdicts(found) == ["not held"]


def test_halves_by_length_and_by_memorisation(tmp_path: Path) -> None:
    scale = mini()
    # The last item is the shortest, the first the best known of seed 1 and the least of seed 2.
    tokens = [5] * (ITEMS - 1) + [2]
    for seed, first in ((1, -0.1), (2, -9.0)):
        answers = [first] + [-1.0] * (ITEMS - 1)
        store(tmp_path, scale.original(scale.tofu, seed), tokens=tokens, answers=answers)
    short, long = by_length(results(tmp_path), scale.tofu)
    # Of the others, which are equally long, the first ones count as shorter.
    assert list(short.items(1)) == [ITEMS - 1, *range(HALF - 1)]
    assert list(long.items(1)) == list(range(HALF - 1, ITEMS - 1))
    weak, strong = by_memorisation(results(tmp_path), scale.tofu)
    assert list(weak.items(1)) == list(range(1, HALF + 1))
    assert strong.items(1)[-1] == 0
    assert weak.items(2)[0] == 0


@pytest.mark.parametrize(
    ("npo", "simnpo", "expected"),
    [(FIRST, PLAIN, ["held", "held"]), (SECOND, FIRST, ["not held", "not held"])],
)
def test_short_answers(
    tmp_path: Path, npo: np.ndarray, simnpo: np.ndarray, expected: list[str]
) -> None:
    scale = mini()
    store_retrain(tmp_path)
    lengths = list(range(2, ITEMS + 2))
    known = list(np.linspace(-0.1, -3, ITEMS))  # the shorter, the better known
    for seed in SEEDS:
        original = scale.original(scale.tofu, seed)
        store(tmp_path, original, PLAIN + APART, tokens=lengths, answers=known)
        store(tmp_path, scale.unlearned(scale.tofu, "npo", seed), npo)
        store(tmp_path, scale.unlearned(scale.tofu, "simnpo", seed), simnpo)
    found = load_study("fig2").find(results(tmp_path))
    assert verdicts(found) == expected
    length, memorised = found.tables
    assert mean(length, "NPO", "short.fq") == mean(memorised, "NPO", "strong.fq")
    assert math.isnan(mean(length, "NPO", "model_utility"))  # none was stored
    assert length.paper["NPO"] == {"short.fq": 0.58, "long.fq": 0.81}
    assert "140 items" in found.notes[2]
    assert claim(found, "lower on the shortest").why.startswith("longest half")
