"""Table A5: generated answers, measured and side by side."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from stored_tofu_runs import SEEDS, mean, results, store, verdicts

from simnpo.evaluation.evaluation import EVALUATION, GENERATIONS
from simnpo.evaluation.tables import GENERATION_COLUMNS
from simnpo.experiments.run import Run
from simnpo.paper.scale import mini
from simnpo.paper.studies import load_study
from simnpo.storage.files import write_table

LABELS = ("red green blue pink", "north south east west")
RETRAIN = ("one two three four", "five six seven eight")
PLAIN = ("one two three grey", "five six black white")
"""Three and two of four words as Retrain's."""
REPEATED = ("red red red red red red", "east east east east east east")
"""Two of three runs again; a quarter of the labels' words, none of Retrain's."""


def store_answers(home: Path, run: Run, answers: Sequence[str]) -> None:
    store(home, run, ())
    rows = [("forget", item, "?", LABELS[item], said) for item, said in enumerate(answers)]
    # Other sets are not looked at, and the order of rows says nothing.
    rows = [("retain", 0, "?", "a b c d", "z z z z z z z z"), *reversed(rows)]
    table = pd.DataFrame(rows, columns=list(GENERATION_COLUMNS)).astype(GENERATION_COLUMNS)
    write_table(run.folder(home) / EVALUATION / GENERATIONS, table)


def store_models(home: Path, npo: Sequence[str], simnpo: Sequence[str]) -> None:
    scale, site = mini(), mini().tofu
    for seed in SEEDS:
        store_answers(home, scale.original(site, seed), LABELS)
        store_answers(home, scale.retrain(site, seed), RETRAIN)
        store_answers(home, scale.unlearned(site, "npo", seed), npo)
        store_answers(home, scale.unlearned(site, "simnpo", seed), simnpo)


def test_answers_are_measured(tmp_path: Path) -> None:
    store_models(tmp_path, REPEATED, PLAIN)
    found = load_study("tableA5").find(results(tmp_path))
    assert verdicts(found) == ["held", "held"]
    (table,) = found.tables
    assert mean(table, "NPO", "repetition") == pytest.approx(2 / 3)
    assert mean(table, "NPO", "like_label") == pytest.approx(1 / 4)
    assert mean(table, "NPO", "like_retrain") == 0
    assert mean(table, "SimNPO", "repetition") == 0
    assert mean(table, "SimNPO", "like_retrain") == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert mean(table, "Original", "like_label") == mean(table, "Retrain", "like_retrain") == 1
    assert len(found.answers) == 4
    assert [len(one.tables.generations) for one in found.answers] == [3] * 4


def test_methods_changed_over_are_not_held(tmp_path: Path) -> None:
    store_models(tmp_path, PLAIN, REPEATED)
    assert verdicts(load_study("tableA5").find(results(tmp_path))) == ["not held", "not held"]


def test_equal_answers_decide_nothing(tmp_path: Path) -> None:
    store_models(tmp_path, PLAIN, PLAIN)
    assert verdicts(load_study("tableA5").find(results(tmp_path))) == ["undecided", "undecided"]


def test_an_answer_of_retrain_without_a_word_is_left_out(tmp_path: Path) -> None:
    scale = mini()
    store_models(tmp_path, REPEATED, PLAIN)
    for seed in SEEDS:
        store_answers(tmp_path, scale.retrain(scale.tofu, seed), ("one two three four", "…"))
    (table,) = load_study("tableA5").find(results(tmp_path)).tables
    assert mean(table, "SimNPO", "like_retrain") == pytest.approx(3 / 4)
