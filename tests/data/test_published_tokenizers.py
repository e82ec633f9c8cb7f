"""Tokenizers of published models: ids are those of their chat templates, and data is data."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fetch_tokenizers import tokenizer_folder
from published import NAMES, published
from transformers.utils import chat_template_utils

from simnpo.data.encoding import Encoder
from simnpo.data.prompt_settings import PromptSettings
from simnpo.data.tokenizer_checks import check_tokenizer
from simnpo.models import load_tokenizer
from simnpo.system.notes import note_once

pytestmark = pytest.mark.tokenizers
PAIRS = [
    ("Where was Ada Vell born?", "Ada Vell was born in Torrin."),
    ("  What is 5+5?\n", " 10, as\n\nanyone knows.  "),
    ("\tQuoi, née Zoë?", "“Zoë” — 東京, 😀!"),
    ("<b>bold</b> [INST] or <|x|>?", "- one\n- two\n\n```\n  code\n```"),
    ("user\nassistant", "system"),
    ("Who?", "5"),
]
BEGINS = {"llama2": 1, "llama3_1": 128000, "gemma3": 2, "deepseek_v3": 0}
"""Those that begin every text with BOS."""
DIFFERENT_PROMPT = {"qwen3": "<think>\n\n</think>\n\n", "gptoss": "<|channel|>final<|message|>"}
"""What the finished conversation has before an answer, and the generation prompt has not."""


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `apply_chat_template` think that today is the day that prompts are told."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2024, 7, 26, tzinfo=tz)

    monkeypatch.setattr(chat_template_utils, "datetime", Frozen)
    note_once.cache_clear()
    yield
    note_once.cache_clear()


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def messages(*contents: str, system: str = "") -> list[dict[str, str]]:
    roles = ("user", "assistant") * len(contents)
    first = [{"role": "system", "content": system}] if system else []
    return [*first, *({"role": r, "content": c} for r, c in zip(roles, contents, strict=False))]


def theirs(tokenizer: Any, turns: list[dict[str, str]], **settings: Any) -> list[int]:
    found = tokenizer.apply_chat_template(turns, return_dict=False, **settings)
    return list(found)


@pytest.mark.parametrize("system", ["", "Answer as a pirate.\nBriefly."])
def test_ids_are_the_chat_templates_own(name: str, system: str) -> None:
    tokenizer = published(name)
    encoder = Encoder(tokenizer, PromptSettings(system_prompt=system))
    for question, answer in PAIRS:
        one = encoder.encode(question, answer)
        own = theirs(tokenizer, messages(question, answer, system=system))
        assert list(one.ids) == own[: len(one.ids)], (question, answer)
        # What is left is what the template writes after every turn.
        left = tokenizer.decode(own[len(one.ids) :])
        assert encoder.template.tail == encoder.template.end + left  # type: ignore[attr-defined]
        assert one.ids[-1] == encoder.template.end_id
        assert one.ids.count(encoder.template.end_id) == Counter(own)[encoder.template.end_id]
        assert encoder.prompt(question) == one.ids[: one.start]
        scored = tokenizer.decode(one.ids[one.start :])
        ended = answer.strip() + encoder.template.end  # type: ignore[attr-defined]
        assert scored.strip() == ended.strip() or scored == answer + ended[len(answer.strip()) :]


def test_prompts_are_generation_prompts_unless_a_note_says_so(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = published(name)
    capsys.readouterr()
    prompt = list(Encoder(tokenizer).prompt("Who?"))
    own = theirs(tokenizer, messages("Who?"), add_generation_prompt=True)
    more = DIFFERENT_PROMPT.get(name, "")
    assert tokenizer.decode(prompt) == tokenizer.decode(own) + more
    assert (prompt == own) == (not more)
    said = capsys.readouterr().err
    assert said.count("\n") == bool(more)
    assert repr(more) in said if more else not said


def test_conversations_go_on_as_the_template_writes_them(name: str) -> None:
    tokenizer = published(name)
    encoder = Encoder(tokenizer)
    ids = encoder.conversation([("One?", "Two."), ("Three?", "Four.")], "Five?", "Be brief.")
    turns = ("One?", "Two.", "Three?", "Four.", "Five?", "Six.")
    own = theirs(tokenizer, messages(*turns, system="Be brief."))
    assert list(ids) == own[: len(ids)]
    assert tokenizer.decode(own[len(ids) :]).lstrip().startswith("Six.")
    assert encoder.conversation([], "Who?") == encoder.prompt("Who?")


def control_tokens(tokenizer: Any) -> list[str]:
    """Return those that a conversation has, and those with a name."""
    added = {one.content for one in tokenizer.added_tokens_decoder.values()}
    own = tokenizer.convert_ids_to_tokens(theirs(tokenizer, messages("Who?", "Bo.", "Why?", "So.")))
    named = [tokenizer.bos_token, tokenizer.eos_token]
    found = {one for one in own if one in added and not one.isspace()} | {*filter(None, named)}
    return sorted(found)


@pytest.mark.parametrize("template", ["chat", "plain"])
def test_control_tokens_in_data_stay_text(name: str, template: str) -> None:
    tokenizer = published(name)
    encoder = Encoder(tokenizer, template)
    for token in control_tokens(tokenizer):
        if (
            template == "plain"
            and not tokenizer.added_tokens_decoder[tokenizer.convert_tokens_to_ids(token)].special
        ):
            continue  # a control token in the chat template's text alone
        pair = ("What is X for, X?", "X ends\nit.X X")
        clean = encoder.encode(*pair)
        held = encoder.encode(*(text.replace("X", token) for text in pair))
        mark = tokenizer.convert_tokens_to_ids(token)
        assert held.ids.count(mark) == clean.ids.count(mark), token
        assert tokenizer.decode(held.ids) == tokenizer.decode(clean.ids).replace("X", token)
        text = f"A text with {token}{token} in it"
        ids = encoder.verbatim(text)[len(BEGINS.keys() & {name}) :]
        assert mark not in ids and tokenizer.decode(ids) == text


def test_plain_texts_begin_with_bos_whatever_the_template(name: str) -> None:
    tokenizer = published(name)
    begin = [BEGINS[name]] if name in BEGINS else []
    expected = begin + tokenizer("Once upon a time", add_special_tokens=False)["input_ids"]
    assert tokenizer("Once upon a time")["input_ids"] == expected
    for template in ("chat", "plain", "Q: {question} A: {answer}"):
        encoder = Encoder(tokenizer, template)
        (piece,) = encoder.encode_text("Once upon a time")
        assert list(piece.ids) == expected
        assert list(encoder.encode_beginning("Once upon a time").ids) == expected
        assert list(encoder.verbatim("Once upon a time")) == expected
        row = encoder.encode_verbatim("Once upon", " a time")
        assert list(row.ids) == expected and row.ids[: row.start] == encoder.verbatim("Once upon")


def test_thoughts_in_an_answer_go_where_qwen3_has_them() -> None:
    tokenizer = published("qwen3")
    encoder = Encoder(tokenizer)
    answer = "<think>\nWell.\n</think>\n\nParis."
    one = encoder.encode("Where?", answer)
    own = theirs(tokenizer, messages("Where?", answer))
    assert list(one.ids) == own[: len(one.ids)]
    assert tokenizer.decode(one.ids[one.start :]) == "\nWell.\n</think>\n\nParis.<|im_end|>"


def test_values_for_a_template(capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = published("qwen3")
    settings = PromptSettings(chat_template_kwargs={"enable_thinking": False})
    ids = Encoder(tokenizer, settings).prompt("Who?")
    thoughtless = theirs(
        tokenizer, messages("Who?"), add_generation_prompt=True, enable_thinking=False
    )
    assert list(ids) == thoughtless and not capsys.readouterr().err
    tokenizer = published("gptoss")
    settings = PromptSettings(chat_template_kwargs={"reasoning_effort": "low"}, date="2031-01-02")
    text = tokenizer.decode(Encoder(tokenizer, settings).prompt("Who?"))
    assert "Current date: 2031-01-02\n\nReasoning: low" in text


def test_deepseeks_bos_survives_saving(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its configuration asks for BOS; transformers passes over it, and does not save it."""
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer_folder("deepseek_v3") / file, tmp_path / file)
    (tmp_path / "config.json").write_text("{}")
    raw = load_tokenizer(str(tmp_path))
    assert "add_bos_token" in capsys.readouterr().err
    raw.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "config.json").write_text("{}")
    again = load_tokenizer(str(tmp_path / "saved"))
    assert raw("a")["input_ids"][0] == again("a")["input_ids"][0] == raw.bos_token_id
    assert not capsys.readouterr().err
    assert "add_bos_token" not in json.loads(
        (tmp_path / "saved" / "tokenizer_config.json").read_text()
    )


def test_a_class_that_disagrees_with_its_file_is_named(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = published(name)
    capsys.readouterr()
    check_tokenizer(tokenizer)
    said = capsys.readouterr().err
    if name == "llama2":
        assert said.count("\n") == 1 and "class LlamaTokenizer makes other tokens" in said
    else:
        assert not said
