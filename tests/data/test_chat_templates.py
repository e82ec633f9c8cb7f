"""Made-up chat templates with the habits of published ones: ids, prompts, and what is refused."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import made_tokenizers
import pytest
from made_templates import PLAIN_TURNS, TEMPLATES
from tokenizers import AddedToken

from simnpo.data.control_tokens import stand_in
from simnpo.data.encoding import Encoder
from simnpo.data.prompt_settings import DATE, PromptSettings
from simnpo.data.template_choice import choose_template
from simnpo.errors import UserError
from simnpo.system.notes import note_once

END = 1
PAIRS = [
    ("Where was Ada Vell born?", "Ada Vell was born in Torrin."),
    ("  Who?\n", "  the painter,\n\nLune  "),
    ("[INST] 5 [/INST]", "né <b>x</b>"),
    (f"9{stand_in(0)} or {stand_in(7)}", f"{stand_in(8)}8{stand_in(9)}"),
]


def made(template: Any, make: Any = made_tokenizers.byte_level, post: str = "<s> $A") -> Any:
    tokenizer = make(post) if make is made_tokenizers.byte_level else make()
    special = ["<|im_start|>", "<|im_end|>", "<|channel|>", "<think>", "</think>"]
    tokenizer.add_tokens([AddedToken(one, special=True) for one in special], special_tokens=True)
    phi = ["<|user|>", "<|assistant|>", "<|end|>"]  # Phi-3's swallow the white space after them
    tokenizer.add_tokens([AddedToken(one, special=True, rstrip=True) for one in phi], True)
    tokenizer.add_tokens(
        [AddedToken(one, normalized=True) for one in ("<|User|>", "<|Assistant|>")]
    )
    tokenizer.chat_template = template
    return tokenizer


def messages(*contents: str) -> list[dict[str, str]]:
    roles = ("user", "assistant") * len(contents)
    return [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)]


def theirs(tokenizer: Any, turns: list[dict[str, str]], **settings: Any) -> list[int]:
    return list(tokenizer.apply_chat_template(turns, return_dict=False, **settings))


@pytest.fixture(autouse=True)
def fresh_notes() -> Iterator[None]:
    note_once.cache_clear()
    yield
    note_once.cache_clear()


@pytest.mark.parametrize("make", [made_tokenizers.byte_level, made_tokenizers.sentencepiece_like])
@pytest.mark.parametrize("name", [name for name in TEMPLATES if name != "date"])
def test_ids_are_the_templates_own(name: str, make: Any) -> None:
    tokenizer = made(TEMPLATES[name], make)
    encoder = Encoder(tokenizer)
    for question, answer in PAIRS:
        one, own = encoder.encode(question, answer), theirs(tokenizer, messages(question, answer))
        assert list(one.ids) == own[: len(one.ids)], (question, answer)
        assert one.ids[-1] == encoder.template.end_id and one.ids.count(one.ids[-1]) == Counted(own)
        if not answer.startswith(" ") and name != "capitals":  # else the boundary may merge
            assert encoder.prompt(question) == one.ids[: one.start]
        turns = [("One?", "Two.")]
        ids = encoder.conversation(turns, question)
        own = theirs(tokenizer, messages("One?", "Two.", question, "Three."))
        assert list(ids) == own[: len(ids)]


class Counted:
    """Equals how often the last end of a turn is among ids."""

    def __init__(self, ids: list[int]):
        self.ids = ids

    def __eq__(self, count: object) -> bool:
        return any(self.ids.count(one) == count for one in set(self.ids))


@pytest.mark.parametrize(
    ("name", "finished", "prompt"),
    [
        ("empty thought", r"'<think>\n\n</think>\n\n'", "nothing"),
        ("opened thought", "nothing", r"'<think>\n'"),
        ("channel", r"'<|channel|>final\n'", "nothing"),
        ("spaces", "", ""),
        ("trims", "", ""),
    ],
)
def test_the_finished_form_wins_and_a_note_says_so(
    name: str, finished: str, prompt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = made(TEMPLATES[name])
    for _ in range(2):
        ids = Encoder(tokenizer).prompt("Who?")
    said = capsys.readouterr().err
    assert said.count("\n") == bool(finished)  # once
    if finished:
        assert f"writes {finished} in a finished" in said and f"and {prompt} where" in said
    else:
        asked = theirs(tokenizer, messages("Who?"), add_generation_prompt=True)
        assert list(ids) == asked


def test_a_space_before_the_answer_is_in_its_first_token() -> None:
    tokenizer = made(TEMPLATES["spaces"])
    one = Encoder(tokenizer).encode("Who?", "Ada Vell.")
    assert tokenizer.decode(one.ids[: one.start]) == "<s>[INST] Who? [/INST]"
    assert tokenizer.decode(one.ids[one.start :]) == " Ada Vell. </s>"
    assert one.ids[one.start] == tokenizer(" Ada", add_special_tokens=False)["input_ids"][0]


def test_a_template_may_use_up_a_thought() -> None:
    """What it drops is dropped; what it leaves is text."""
    tokenizer = made(TEMPLATES["opened thought"])
    encoder = Encoder(tokenizer)
    thought = encoder.encode("Who?", "<think>Well.</think>Bo.")
    assert thought.ids == encoder.encode("Who?", "Bo.").ids
    left = encoder.encode("Is </think> a mark?", "Bo.")
    assert tokenizer.convert_tokens_to_ids("</think>") not in left.ids
    both = encoder.encode("Who?", "x</think>Bo<|im_end|>")
    assert tokenizer.decode(both.ids).endswith("x</think>Bo<|im_end|><|im_end|>")
    assert both.ids.count(both.ids[-1]) == 2  # the question's and the answer's


@pytest.mark.parametrize("name", TEMPLATES)
def test_control_tokens_in_data_stay_text(name: str) -> None:
    tokenizer = made(TEMPLATES[name])
    encoder = Encoder(tokenizer)
    clean = encoder.encode("What is §?", "§ ends § it. §")
    for token in sorted(set(re.findall(r"<\|?\w+\|?>", TEMPLATES[name])) | {"</s>", "<s>"}):
        mark = tokenizer.convert_tokens_to_ids(token)
        if mark is None or mark == tokenizer.unk_token_id or name == "capitals":
            continue
        held = encoder.encode(f"What is {token}?", f"{token} ends {token} it. {token}")
        assert held.ids.count(mark) == clean.ids.count(mark), token
        text = tokenizer.decode(clean.ids)
        written = tokenizer.decode(held.ids)
        assert written == text.replace("§", token)


def test_a_part_in_the_middle_gets_no_space_before_it() -> None:
    """Metaspace puts one before a text, and none after a control token."""
    tokenizer = made(TEMPLATES["trims"], made_tokenizers.sentencepiece_like)
    encoder = Encoder(tokenizer)
    held = encoder.encode("Write </s> now", "a </s>")
    # Neither < nor § is in the vocabulary: both are unknown.
    assert held.ids == encoder.encode("Write §/s§ now", "a §/s§").ids
    assert Encoder(tokenizer, "plain").encode("a </s>", "b") == Encoder(tokenizer, "plain").encode(
        "a §/s§", "b"
    )


def test_prompts_do_not_depend_on_the_day_but_on_the_settings() -> None:
    tokenizer = made(TEMPLATES["date"])
    encoder = Encoder(tokenizer)
    assert tokenizer.decode(encoder.prompt("Who?")).startswith("Today is 26 July 2024.26 Jul 2024")
    assert encoder.template.writes_date and not Encoder(made(PLAIN_TURNS)).template.writes_date
    other = Encoder(tokenizer, PromptSettings(date="2031-01-02"))
    assert tokenizer.decode(other.prompt("Who?")).startswith("Today is 02 January 2031.02 Jan 2031")
    assert date.fromisoformat(DATE) == date(2024, 7, 26)
    with pytest.raises(UserError, match="``template_date`` 'today': give a day as in 2024-07-26"):
        PromptSettings(date="today")


def test_several_named_templates() -> None:
    other = PLAIN_TURNS.replace("<", "[")
    tokenizer = made({"rag": PLAIN_TURNS, "tool_use": other})
    with pytest.raises(UserError, match=r"\(rag, tool_use\).*``chat_template=NAME``"):
        choose_template(tokenizer)
    for name, text in (("rag", PLAIN_TURNS), ("tool_use", other)):
        ids = Encoder(tokenizer, PromptSettings(chat_template=name)).encode("Who?", "Bo.").ids
        own = theirs(tokenizer, messages("Who?", "Bo."), chat_template=text)
        assert list(ids) == own[: len(ids)]
    with pytest.raises(UserError, match="no chat template of this name; it has rag, tool_use"):
        choose_template(tokenizer, PromptSettings(chat_template="tools"))
    tokenizer.chat_template = {"default": PLAIN_TURNS, "rag": other}
    assert choose_template(tokenizer).prompt.startswith("<user>")
    tokenizer.chat_template = None
    with pytest.raises(UserError, match="``chat_template``: the tokenizer has no chat template"):
        choose_template(tokenizer, PromptSettings(chat_template="rag"))
    settings = PromptSettings("plain", chat_template_kwargs={"x": 1})
    with pytest.raises(
        UserError, match="``chat_template_kwargs`` does nothing with ``template`` 'plain'"
    ):
        choose_template(tokenizer, settings)


def test_system_prompts() -> None:
    tokenizer = made(TEMPLATES["default system prompt"])
    asked = Encoder(tokenizer, PromptSettings(system_prompt="Be <s> brief.")).prompt("Who?")
    assert tokenizer.decode(asked) == "<system>Be <s> brief.</s><user>Who?</s><assistant>"
    assert 0 not in asked  # which is a text here, and no beginning
    usual = Encoder(tokenizer).prompt("Who?")
    assert tokenizer.decode(usual) == "<system>You are Bo.</s><user>Who?</s><assistant>"
    system = {"role": "system", "content": "Be brief."}
    own = theirs(tokenizer, [system, *messages("Who?", "Bo.")])
    assert (
        list(
            Encoder(tokenizer, PromptSettings(system_prompt="Be brief.")).encode("Who?", "Bo.").ids
        )
        == own
    )
    strict = made("{% if messages[0].role == 'system' %}{{ raise_exception('System role not "
                  "supported') }}{% endif %}" + PLAIN_TURNS)  # fmt: skip
    with pytest.raises(UserError, match="refuses this conversation: System role not supported"):
        Encoder(strict, PromptSettings(system_prompt="Be brief."))
    assert tokenizer.decode(Encoder(strict).prompt("Who?")) == "<user>Who?</s><assistant>"
    silent = made(PLAIN_TURNS.replace("messages", "messages | rejectattr('role', 'eq', 'system')"))
    with pytest.raises(UserError, match="leaves the system prompt out: put its text into the"):
        Encoder(silent, PromptSettings(system_prompt="Be brief."))
    plain = Encoder(tokenizer, PromptSettings("plain", system_prompt="Be brief."))
    assert tokenizer.decode(plain.prompt("Who?")) == "<s>Be brief.\n\nQuestion: Who?\nAnswer:"
    one = plain.encode("Who?", "Bo.")
    assert one.ids[: one.start] == plain.prompt("Who?") == plain.conversation([], "Who?")


def test_contents_in_parts() -> None:
    """Models that also see pictures may know no other form."""
    parts = "{% for part in m.content %}{{ part.text }}{% endfor %}"
    tokenizer = made(PLAIN_TURNS.replace("{{ m.content }}", parts))
    one = Encoder(tokenizer).encode("Who?", "Bo.")
    assert tokenizer.decode(one.ids) == "<user>Who?</s><assistant>Bo.</s>"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for m in messages %}{{ m.content", "is broken (unexpected end of template"),
        ("{{ raise_exception('no\nthanks') }}", "refuses this conversation: no thanks; use ``temp"),
        ("{{ messages[0].content }}", "does not show the question with its answer"),
        ("{{ messages[-1].content }}", "does not show the question with its answer"),
        ("{{ messages[0].content / 2 }}", "refuses this conversation: unsupported operand"),
    ],
)
def test_templates_that_cannot_be_used(template: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        choose_template(made(template))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_an_answer_that_a_template_ends_otherwise_is_refused() -> None:
    tokenizer = made(
        "{% for m in messages %}{{ m.content }}{{ '.' if m.content == 'Bo' else '</s>' }}"
        "{% endfor %}"
    )
    encoder = Encoder(tokenizer)
    assert encoder.encode("Who?", "Ada").ids[-1] == END
    with pytest.raises(UserError, match="ends the answer 'Bo' otherwise than others"):
        encoder.encode("Who?", "Bo")


@pytest.mark.parametrize("post", ["$A </s>", "<s> $A </s>"])
@pytest.mark.parametrize("template", [None, TEMPLATES["trims"]])
def test_no_end_token_that_a_tokenizer_adds(post: str, template: str | None) -> None:
    """Neither at a prompt's end nor in a scored choice, and BOS as the tokenizer has it."""
    encoder = Encoder(made(template, post=post))
    begin = (0,) if post.startswith("<s>") else ()
    text = "Which of A, B?\nAnswer:"
    plain = encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert encoder.verbatim(text) == (*begin, *plain)
    one = encoder.encode_verbatim(text, " B")
    assert one.ids[: one.start] == encoder.verbatim(text) and END not in one.ids
    assert END not in encoder.prompt("Who?")
    assert encoder.encode_text("Once upon a time")[0].ids[: len(begin)] == begin
    assert encoder.encode_beginning(text).ids == encoder.verbatim(text)


def test_a_template_of_ones_own_with_control_tokens() -> None:
    tokenizer = made(None)
    encoder = Encoder(tokenizer, "<s><|im_start|>user {question}<|im_end|>{answer}")
    mark = tokenizer.convert_tokens_to_ids("<|im_end|>")
    one = encoder.encode("What is <|im_end|>?", "<|im_end|></s>")
    assert one.ids.count(0) == 1  # BOS, which the template has written
    assert one.ids.count(mark) == 1 and one.ids[one.start - 1] == mark and one.ids.count(END) == 1
    assert tokenizer.decode(one.ids).endswith("What is <|im_end|>?<|im_end|><|im_end|></s></s>")
