"""Examples from rows: columns, faults with their place."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simnpo.data.examples import Example, load_examples
from simnpo.errors import UserError


def written(folder: Path, *records: dict[str, Any]) -> str:
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_question_answer_columns_go_before_text(tmp_path: Path) -> None:
    source = written(tmp_path, {"text": "t", "answer": " a ", "question": "q", "more": 3})
    assert load_examples(source) == (Example("q", " a "),)


def test_text_and_named_columns(tmp_path: Path) -> None:
    source = written(tmp_path, {"body": "one", "q": "x", "a": "y"}, {"body": "two", "q": "v"})
    assert load_examples(source, text_column="body") == (Example(None, "one"), Example(None, "two"))
    source = written(tmp_path, {"body": "one", "q": "x", "a": "y"})
    assert load_examples(source, question_column="q", answer_column="a") == (Example("x", "y"),)


def test_topics_and_alternates_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    source = written(tmp_path, {"question": "q", "answer": "a", "area": "sea", "alternate": "b"})
    assert load_examples(source) == (Example("q", "a"),)
    wanted = load_examples(source, topic_column="area", alternate_column="alternate")
    assert wanted == (Example("q", "a", "sea", "b"),)
    with pytest.raises(UserError, match=r"line 1: .*none is 'other'.*``alternate_column``"):
        load_examples(source, alternate_column="other")
    source = written(tmp_path, {"text": "t", "area": "sea"}, {"text": "u", "area": ""})
    with pytest.raises(UserError, match="line 2: 'area' is empty"):
        load_examples(source, topic_column="area")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"prompt": "q", "reply": "a"}], r"line 1: found the columns \['prompt', 'reply'\]"),
        ([{"question": "q", "reply": "a"}], r"found the columns .*``answer_column=reply``"),
        ([{"question": "q", "answer": "a"}, {"question": "q"}], r"line 2: no column 'answer'"),
        ([{"question": "q", "answer": "a"}, {"question": "q", "answer": ""}], r"line 2: 'answer'"),
        ([{"question": " \n", "answer": "a"}], r"line 1: 'question' is empty"),
        ([{"question": "q", "answer": 1956}], r"line 1: 'answer' must be text, got 1956"),
        ([{"question": "q", "answer": None}], r"line 1: 'answer' must be text, got None"),
        ([{"text": ["a"]}], r"line 1: 'text' must be text"),
        ([{"text": "a" * 20_000_001}], "line 1: 'text' has 20,000,001 characters, .*split it"),
        ([{"text": ""}], r"line 1: 'text' is empty"),
    ],
)
def test_faults_are_named_with_their_place(
    tmp_path: Path, records: list[dict[str, Any]], message: str
) -> None:
    source = written(tmp_path, *records)
    with pytest.raises(UserError, match=rf"set\.jsonl, (?=line).*{message.removeprefix('line')}"):
        load_examples(source)


def test_a_missing_value_in_parquet_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"question": ["q", "r"], "answer": ["a", None]}).to_parquet(path)
    with pytest.raises(UserError, match=r"row 2: 'answer' must be text"):
        load_examples(str(path))
