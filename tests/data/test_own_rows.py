"""A user's rows with their optional columns, from files that hold lists and files that cannot."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simnpo.data.examples import Example
from simnpo.data.own_rows import OwnRow, load_own_rows
from simnpo.errors import UserError

PAIR = {"question": "q", "answer": "a"}


def written(folder: Path, *records: dict[str, Any]) -> str:
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_rows_without_optional_columns(tmp_path: Path) -> None:
    source = written(tmp_path, PAIR, {"question": "r", "answer": "b"})
    assert load_own_rows(source) == (
        OwnRow(Example("q", "a"), None, (), None, f"{source}, line 1"),
        OwnRow(Example("r", "b"), None, (), None, f"{source}, line 2"),
    )
    source = written(tmp_path, {"body": "one"})
    (row,) = load_own_rows(source, text_column="body")
    assert row.example == Example(None, "one")


@pytest.mark.parametrize(
    ("values", "paraphrase", "perturbed", "identifiers"),
    [
        ({"paraphrased_answer": "p"}, "p", (), None),
        ({"paraphrased_answer": None, "identifiers": None}, None, (), None),
        ({"paraphrased_answer": "", "perturbed_answer": " ", "identifiers": ""}, None, (), None),
        ({"perturbed_answer": "w", "identifiers": "x@a.example"}, None, ("w",), ("x@a.example",)),
        ({"perturbed_answer": ["w", "v"], "identifiers": ["i"]}, None, ("w", "v"), ("i",)),
        ({"identifiers": []}, None, (), ()),
        ({"identifiers": "[]"}, None, (), ()),
        ({"identifiers": '["i", "j"]'}, None, (), ("i", "j")),
        ({"identifiers": "[redacted]"}, None, (), ("[redacted]",)),
    ],
)
def test_optional_columns(
    tmp_path: Path,
    values: dict[str, Any],
    paraphrase: str | None,
    perturbed: tuple[str, ...],
    identifiers: tuple[str, ...] | None,
) -> None:
    (row,) = load_own_rows(written(tmp_path, PAIR | values))
    assert row[1:4] == (paraphrase, perturbed, identifiers)


def test_lists_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    records = [
        PAIR | {"identifiers": ["x", "y"], "perturbed_answer": ["w"], "paraphrased_answer": None},
        PAIR | {"identifiers": None, "perturbed_answer": [], "paraphrased_answer": "p"},
    ]
    pd.DataFrame(records).to_parquet(path)
    first, second = load_own_rows(str(path))
    assert first[1:4] == (None, ("w",), ("x", "y"))
    assert second[1:4] == ("p", (), None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"identifiers": 4711}, "'identifiers' must be text or a list of texts, got 4711"),
        ({"identifiers": 4711.5}, "'identifiers' must be text or a list of texts, got 4711.5"),
        ({"identifiers": ["x", 4711]}, r"'identifiers' must be .*, got \['x', 4711\]"),
        ({"identifiers": ["x", " "]}, r"'identifiers' must be text or a list of texts"),
        ({"identifiers": "[4711]"}, r"'identifiers' must be text or a list of texts"),
        ({"identifiers": "['x', 'y']"}, r"'identifiers' looks like a list but is not JSON"),
        ({"perturbed_answer": {"w": 1}}, "'perturbed_answer' must be text or a list of texts"),
        ({"paraphrased_answer": ["p", "q"]}, "'paraphrased_answer' must be one text, got 2"),
    ],
)
def test_faults_in_optional_columns(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"set\.jsonl, line 2: {message}"):
        load_own_rows(written(tmp_path, PAIR, PAIR | values))
