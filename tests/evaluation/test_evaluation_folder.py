"""An evaluation's folder: what is written comes back, what is missing is named."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluate_model
from simnpo.evaluation.evaluation import (
    evaluation_folder,
    read_evaluation,
    read_scores,
    read_tables,
    write_evaluation,
)
from simnpo.evaluation.history import read_history, write_history
from simnpo.evaluation.tables import (
    ADDED_COLUMNS,
    GENERATION_COLUMNS,
    SCORE_COLUMNS,
    Tables,
    check_columns,
)

SCORE = ("forget", 0, "answer", 0, -3.5, 4, 2, 1, -1.25, 0.5, 11)
GENERATION = ("forget", 0, "Who?", "Bo", "Bo, “the” painter\n")


SUMMARY = {
    "benchmark": "tofu",
    "split": "forget05",
    "truth_ratio_aggregation": "geometric",
    "metrics": {},
    "notes": [],
}


def tables() -> Tables:
    scores = pd.DataFrame([SCORE], columns=list(SCORE_COLUMNS)).astype(SCORE_COLUMNS)
    generations = pd.DataFrame([GENERATION], columns=list(GENERATION_COLUMNS))
    return Tables(scores, generations.astype(GENERATION_COLUMNS))


def test_round_trip(tmp_path: Path) -> None:
    summary = SUMMARY | {
        "name": "SimNPO",
        "metrics": {"forget_quality": None, "model_utility": 0.57},
    }
    write_evaluation(tmp_path / "simnpo", summary, tables())
    found = read_evaluation(tmp_path / "simnpo")
    assert (found.name, found.summary) == ("SimNPO", summary)
    pd.testing.assert_frame_equal(found.tables.scores, tables().scores)
    pd.testing.assert_frame_equal(found.tables.generations, tables().generations)
    for read in (read_scores, read_tables):
        pd.testing.assert_frame_equal(read(tmp_path / "simnpo").scores, tables().scores)
    assert read_evaluation(tmp_path / "simnpo", "other").name == "other"


def test_a_name_from_the_folder_and_an_evaluation_inside_a_run(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "run" / "evaluation", SUMMARY, tables())
    assert evaluation_folder(tmp_path / "run") == tmp_path / "run" / "evaluation"
    assert read_scores(tmp_path / "run").scores.shape == (1, len(SCORE_COLUMNS))
    write_evaluation(tmp_path / "npo", SUMMARY, tables())
    assert read_evaluation(tmp_path / "npo").name == "npo"


def test_what_is_no_evaluation_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist: give an evaluation"):
        read_scores(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"is not an evaluation: it has no summary\.json"):
        read_scores(tmp_path)


@pytest.mark.parametrize("name", ["scores.parquet", "generations.parquet"])
def test_missing_broken_and_foreign_tables_are_named(tmp_path: Path, name: str) -> None:
    write_evaluation(tmp_path, {}, tables())
    pd.DataFrame({"set": ["forget"]}).to_parquet(tmp_path / name)
    with pytest.raises(UserError, match=rf"{name} lacks the columns \['item'.*has \['set'\]"):
        read_scores(tmp_path)
    (tmp_path / name).write_text("not a table")
    with pytest.raises(UserError, match=rf"{name} is not a Parquet file"):
        read_scores(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=rf"{name} does not exist"):
        read_scores(tmp_path)


def test_a_broken_summary_is_named(tmp_path: Path) -> None:
    write_evaluation(tmp_path, {}, tables())
    (tmp_path / "summary.json").write_text('{"metrics": ')
    with pytest.raises(UserError, match=r"summary\.json, line 1"):
        read_evaluation(tmp_path)


def test_a_summary_never_stands_beside_another_evaluations_tables(tmp_path: Path) -> None:
    write_evaluation(tmp_path, {"name": "first"}, tables())
    scores, generations = tables()
    broken = Tables(scores.assign(logprob=-9.0), generations.assign(generated=object()))
    with pytest.raises(Exception, match="object"):
        write_evaluation(tmp_path, {"name": "second"}, broken)
    with pytest.raises(UserError, match=r"no summary\.json"):
        read_evaluation(tmp_path)


def test_check_columns_allows_more_and_any_order() -> None:
    table = tables().scores[list(SCORE_COLUMNS)[::-1]].assign(more=1)
    check_columns(table, SCORE_COLUMNS, "the table")
    with pytest.raises(UserError, match=r"the table lacks the columns \['tokens'\]"):
        check_columns(table.drop(columns="tokens"), SCORE_COLUMNS, "the table")


def test_history_round_trip(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "metrics": {"a": None}, "note": "x\u2028y"}, {"epoch": 2}]
    write_history(tmp_path / "history.jsonl", rows)
    assert read_history(tmp_path / "history.jsonl") == rows
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 2
    assert read_history(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("training", [True, False])
def test_evaluating_puts_dropout_off_and_the_mode_back(
    make_llama: Any, tokenizer: Any, training: bool
) -> None:
    items = (Item("Who?", "Bo", None, ("Ada",)),)
    benchmark = Benchmark("tiny", "one", (), (), (), {"forget": EvaluationSet(items, 4)})
    model = make_llama(attention_dropout=0.9)
    encoder = Encoder(tokenizer, "plain")
    expected = evaluate_model(model, encoder, benchmark)
    model.train(training)
    found = evaluate_model(model, encoder, benchmark)
    assert model.training is training
    pd.testing.assert_frame_equal(found.scores, expected.scores)
    assert found.generations.equals(expected.generations)
    assert len(found.scores) == 2 and len(found.generations) == 1


def test_an_older_evaluation_is_read_with_what_it_lacks_missing(tmp_path: Path) -> None:
    write_evaluation(tmp_path, SUMMARY, tables())
    older = tables().scores.drop(columns=list(ADDED_COLUMNS))
    older.to_parquet(tmp_path / "scores.parquet")
    found = read_tables(tmp_path).scores
    assert list(found.columns) == list(SCORE_COLUMNS)
    assert found[list(ADDED_COLUMNS)].isna().all(axis=None)
    assert found["logprob"].tolist() == [SCORE[4]]
