"""Questions as prompts, letter by letter as lm-eval writes them, and faulty files."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_data import write_rows

from simnpo.benchmarks.multiple_choice import choice_files, choice_item, choice_set
from simnpo.data.rows import Row
from simnpo.errors import UserError

ROW: dict[str, Any] = {
    "question": "  Which wood floats best? ",
    "choices": ["oak", "balsa", "ebony", "box"],
    "answer": 1,
}
# What lm-eval 0.4.13 asks of its tasks wmdp_bio and mmlu_high_school_biology.
LM_EVAL = (
    "The following are multiple choice questions (with answers) about {subject}.\n\n"
    "Which wood floats best?\nA. oak\nB. balsa\nC. ebony\nD. box\nAnswer:"
)


def test_prompts_are_lm_evals() -> None:
    (item,) = choice_set([Row("here", ROW)], "biology").items
    assert item.question == LM_EVAL.format(subject="biology")
    assert (item.answer, item.perturbed, item.place) == (" B", (" A", " C", " D"), 1)
    (item,) = choice_set([Row("here", ROW | {"subject": "high_school_biology"})]).items
    assert item.question == LM_EVAL.format(subject="high school biology")
    (item,) = choice_set([Row("here", ROW)]).items
    assert item.question == LM_EVAL.split("\n\n")[1]
    assert choice_set([Row("here", ROW)]).verbatim


def test_letters_for_as_many_choices_as_there_are() -> None:
    item = choice_item("Q", ["1", "2"], 0, None)
    assert item == ("Q\nA. 1\nB. 2\nAnswer:", " A", None, (" B",), 0)
    item = choice_item("Q", list("uvwxyz"), 5, None)
    assert item.question is not None and item.question.endswith("\nF. z\nAnswer:")
    assert item.perturbed == (" A", " B", " C", " D", " E")


def test_all_kinds_of_files_say_the_same(tmp_path: Path) -> None:
    rows = [ROW, ROW | {"answer": "D"}]
    write_rows(tmp_path / "lines.jsonl", rows)
    (tmp_path / "list.json").write_text(json.dumps(rows))
    pd.DataFrame([ROW, ROW | {"answer": 3}]).to_parquet(tmp_path / "table.parquet")
    files = [tmp_path / name for name in ("lines.jsonl", "list.json", "table.parquet")]
    loaded = choice_files(files, ["list"])
    assert list(loaded.evaluation) == ["lines", "list", "table"]
    assert len({asked.items for asked in loaded.evaluation.values()}) == 1
    assert [item.place for item in loaded.evaluation["list"].items] == [1, 3]
    assert (loaded.suite, loaded.utility_sets) == ("multiple_choice", ("list",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answer": 4}, "'answer' is 4, and there are 4 choices: 0 to 3, or A to D"),
        ({"answer": -1}, "'answer' is -1"),
        ({"answer": "E"}, "'answer' is 'E'"),
        ({"answer": "balsa"}, "place, from 0, or its letter; got 'balsa'"),
        ({"answer": True}, "got True"),
        ({"answer": 1.0}, "got 1.0"),
        ({"answer": None}, "got None"),
        ({"choices": ["oak", "balsa", " ", "box"]}, "choice C is empty"),
        ({"choices": ["oak", "balsa", "oak", "box"]}, "choices A and C are the same: 'oak'"),
        ({"choices": ["oak"]}, "2 to 26 choices, got 1"),
        ({"choices": []}, "2 to 26 choices, got 0"),
        ({"choices": ["x"] * 27}, "2 to 26 choices, got 27"),
        ({"choices": "oak"}, "'choices' must be a list of texts, got 'oak'"),
        ({"choices": ["oak", 3]}, "'choices' must be a list of texts"),
        ({"question": " "}, "'question' is empty"),
        ({"question": 3}, "'question' must be text"),
        ({"subject": 3}, "'subject' must be text"),
    ],
)
def test_faulty_rows_are_named_with_their_line(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = write_rows(tmp_path / "q.jsonl", [ROW, ROW | change])
    with pytest.raises(UserError, match=r"q\.jsonl, line 2: ") as error:
        choice_files([path])
    assert words in str(error.value)


def test_missing_columns_are_named_with_those_there(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "q.jsonl", [{"question": "Q", "options": ["a"]}])
    with pytest.raises(UserError, match=r"line 1: no columns \['choices', 'answer'\]; it has \['o"):
        choice_files([path])


def test_a_published_question_is_asked_whatever_its_choices() -> None:
    odd = Row("here", ROW | {"choices": ["oak", "oak", "", "box"]})
    (item,) = choice_set([odd], published=True).items
    assert item.question is not None and "\nA. oak\nB. oak\nC. \nD. box\n" in item.question
    with pytest.raises(UserError, match="there are 4 choices"):
        choice_set([Row("here", ROW | {"answer": 9})], published=True)


def test_two_files_of_one_name_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    one, other = tmp_path / "q.jsonl", tmp_path / "a" / "q.json"
    for path in (one, other):
        write_rows(path, [ROW])
    with pytest.raises(UserError, match="two sets named 'q'"):
        choice_files([one, other])
    one.write_text("")
    with pytest.raises(UserError, match=r"q\.jsonl holds no row"):
        choice_files([one])
    with pytest.raises(UserError, match=r"none\.jsonl does not exist"):
        choice_files([tmp_path / "none.jsonl"])
