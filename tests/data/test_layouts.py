"""Which columns of a file are read: the order, TRL's and Alpaca's forms, faults."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simnpo.data.examples import Example, load_examples
from simnpo.data.layouts import find_layout
from simnpo.data.rows import Row
from simnpo.errors import UserError

USER, ASSISTANT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "Be kind."}
HUMAN, GPT = {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}
PAIR = {"question": "q", "answer": "a"}


def written(folder: Path, *records: dict[str, Any]) -> str:
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


@pytest.mark.parametrize(
    ("record", "example"),
    [
        ({"messages": [USER, ASSISTANT]}, Example("q", "a")),
        (
            {"messages": [USER | {"content": [{"type": "text", "text": "q"}]}, ASSISTANT]},
            Example("q", "a"),
        ),
        ({"prompt": "q", "completion": " a"}, Example("q", " a")),
        ({"prompt": [USER], "completion": [ASSISTANT]}, Example("q", "a")),
        ({"instruction": "i", "output": "a"}, Example("i", "a")),
        ({"instruction": "i", "input": "", "output": "a"}, Example("i", "a")),
        ({"instruction": "i", "input": None, "output": "a"}, Example("i", "a")),
        ({"instruction": "i", "input": "x y", "output": "a"}, Example("i\n\nx y", "a")),
        ({"text": "t", "meta": 1}, Example(None, "t")),
        ({"conversations": [HUMAN, GPT]}, Example("q", "a")),
        ({"conversations": [USER, ASSISTANT], "id": "1"}, Example("q", "a")),
        ({"question": [USER], "answer": [ASSISTANT]}, Example("q", "a")),
        ({"instruction": "i", "context": "", "response": "a"}, Example("i", "a")),
        ({"instruction": "i", "context": "c", "response": "a"}, Example("i\n\nc", "a")),
    ],
)
def test_forms_that_others_write(
    tmp_path: Path,
    record: dict[str, Any],
    example: Example,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert load_examples(written(tmp_path, record, record)) == (example, example)
    assert capsys.readouterr().err == ""


def test_messages_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"messages": [[USER, ASSISTANT]]}).to_parquet(path)
    assert load_examples(str(path)) == (Example("q", "a"),)


def test_named_columns_may_hold_messages(tmp_path: Path) -> None:
    source = written(tmp_path, {"prompt": [USER], "completion": [ASSISTANT], "question": "x"})
    assert load_examples(source, "prompt", "completion") == (Example("q", "a"),)
    source = written(tmp_path, {"asked": [USER], "said": "a"})
    with pytest.raises(UserError, match="line 1: 'said' must be a list of messages"):
        load_examples(source, "asked", "said")


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([{"from": "system", "value": "s"}, HUMAN, GPT], r"\(system, user, assistant\); put its"),
        ([HUMAN, GPT, HUMAN, GPT], r"got 4 messages .* make each answer a row"),
        ([HUMAN, {"from": "bing", "value": "a"}], r"got 2 messages \(user, bing\)"),
        ([HUMAN, GPT | {"value": None}], "assistant's content in 'conversations' must be text"),
        ([HUMAN, ASSISTANT], "'conversations' must be a list of messages"),
        ([{"speaker": "A", "text": "q"}], "'conversations' must be a list of messages"),
        ("q", "'conversations' must be a list of messages"),
        ([], "'conversations' must be a list of messages"),
    ],
)
def test_other_conversations_are_refused(tmp_path: Path, turns: Any, message: str) -> None:
    with pytest.raises(UserError, match=rf"line 1: .*{message}"):
        load_examples(written(tmp_path, {"conversations": turns}))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        # Preference data: which answer is to be forgotten is the user's to say.
        (
            {"prompt", "chosen", "rejected"},
            "``question_column``, ``answer_column`` or ``text_column``",
        ),
        ({"query", "response"}, "Perhaps ``question_column=query`` ``answer_column=response``"),
        ({"problem", "solution"}, "Name yours with ``question_column``"),
        ({"input_ids", "labels"}, "found the columns .* need 'question' and 'answer', or 'text'"),
    ],
)
def test_shapes_that_say_too_little_name_the_options(columns: set[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_layout(Row("here", dict.fromkeys(columns, "x")))


def test_the_order_of_the_columns() -> None:
    values: dict[str, Any] = {
        "mine": "m", "question": "q1", "answer": "a1", "messages": [USER, ASSISTANT],
        "conversations": [HUMAN, GPT], "prompt": "q3", "completion": "a3",
        "instruction": "q4", "output": "a4", "text": "t",
    }  # fmt: skip
    assert find_layout(Row("here", values), text_column="mine").columns == ("mine",)
    assert find_layout(Row("here", values), "prompt", "output").columns == ("prompt", "output")
    expected = [
        ("question", "answer"),
        ("messages",),
        ("conversations",),
        ("prompt", "completion"),
        ("instruction", "output"),
        ("text",),
    ]
    for number, columns in enumerate(expected):
        layout = find_layout(Row("here", values))
        assert layout.columns == columns
        assert layout.plain == (columns == ("text",))
        left = expected[number + 1 :]
        assert all(repr(one[-1]) in layout.note for one in left)
        assert bool(layout.note) == bool(left)
        for column in columns:
            del values[column]


def test_a_choice_among_columns_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path, PAIR | {"text": "t", "messages": []})
    load_examples(source)
    load_examples(source)
    note = "line 1: reading 'question' and 'answer'; 'messages', 'text' not read.\n"
    assert capsys.readouterr().err == f"Note: {source}, {note}"


def test_names_given_for_another_file_leave_one_readable_and_are_reported() -> None:
    layout = find_layout(Row("here", {"text": "t"}), "q", "a")
    assert layout.columns == ("text",)
    assert layout.note == "reading 'text'; there is no 'q' and 'a'"
    layout = find_layout(Row("here", dict(PAIR)), text_column="body")
    assert layout.note == "reading 'question' and 'answer'; there is no 'body'"
    assert find_layout(Row("here", {"q": "x", "a": "y"}), "q", "a", "body").note == ""


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([SYSTEM, USER, ASSISTANT], r"got 3 messages \(system, user, assistant\); put its text"),
        ([USER, ASSISTANT] * 2, r"got 4 messages \(user, assistant, user, assistant\); make each"),
        ([USER, ASSISTANT] * 50, r"got 100 messages \((user, assistant, ){3}\.\.\.\)"),
        ([USER], r"got 1 messages \(user\)"),
        ([], r"must be a list of messages, .* got \[\]"),
        ([ASSISTANT, USER], r"got 2 messages \(assistant, user\)"),
        ("hello", "must be a list of messages, .* got 'hello'"),
        (None, "must be a list of messages, .* got None"),
        (["hello", USER], r"must be a list of messages, .* got \['hello', \{"),
        ([{"from": "human", "value": "q"}], "must be a list of messages"),
        ([USER, ASSISTANT | {"content": None}], "assistant's content .* must be text, got None"),
        ([USER, ASSISTANT | {"content": " "}], "assistant's content .* must be text, got ' '"),
        ([USER, ASSISTANT | {"tool_calls": [{}]}], "assistant's content .* got a tool call"),
        ([USER | {"content": [{"type": "image"}]}, ASSISTANT], "user's content .* must be text"),
    ],
)
def test_conversations_that_are_no_question_with_its_answer(
    tmp_path: Path, messages: Any, message: str
) -> None:
    source = written(tmp_path, {"messages": [USER, ASSISTANT]}, {"messages": messages})
    with pytest.raises(UserError, match=rf"line 2: .*{message}") as raised:
        load_examples(source)
    assert "\n" not in str(raised.value)


def test_prompt_and_completion_must_both_be_of_one_form(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 1: 'completion' must be text, got"):
        load_examples(written(tmp_path, {"prompt": "q", "completion": [ASSISTANT]}))
    with pytest.raises(UserError, match=r"line 1: 'prompt \+ completion' must have one question"):
        load_examples(written(tmp_path, {"prompt": [SYSTEM, USER], "completion": [ASSISTANT]}))
    for value in (3, {"role": "user"}, "a", []):
        with pytest.raises(UserError, match="line 1: 'completion' must be a list of messages"):
            load_examples(written(tmp_path, {"prompt": [USER], "completion": value}))


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"prompt", "reply"}, {}, "Perhaps ``question_column=prompt`` ``answer_column=reply``"),
        (
            {"Question", "Answer"},
            {},
            "Perhaps ``question_column=Question`` ``answer_column=Answer``",
        ),
        ({"questions", "answers"}, {}, "Perhaps ``question_column=questions`` ``answer_column=ans"),
        ({"id", "body"}, {}, "Perhaps ``text_column=body``"),
        (
            {"id", "x"},
            {},
            "Name yours with ``question_column``, ``answer_column`` or ``text_column``",
        ),
        ({"question", "reply"}, {"answer_column": "rply"}, "no column 'rply'; found .*'reply'"),
        (
            {"question", "answer"},
            {"answer_column": "b"},
            "Name the right one with ``answer_column``",
        ),
        ({"q", "answer"}, {"question_column": "p"}, "the right one with ``question_column``"),
        (set(map(str, range(100, 200))), {}, r"found the columns \['100', .* and 88 more; need"),
    ],
)
def test_wrong_columns_are_listed_with_the_option_to_name_them(
    columns: set[str], options: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=rf"here: .*{message}"):
        find_layout(Row("here", dict.fromkeys(columns, "x")), **options)
