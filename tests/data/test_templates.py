"""Templates: what is asked, where an answer begins, which token ends it."""

from datetime import datetime
from typing import Any

import made_tokenizers
import pytest

from simnpo.data.encoding import Encoder
from simnpo.data.template_choice import choose_template
from simnpo.data.templates import Template
from simnpo.errors import UserError


def text_of(tokenizer: Any, ids: tuple[int, ...]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=False))


def test_plain_is_the_default_without_a_chat_template(tokenizer: Any) -> None:
    assert choose_template(tokenizer) == Template(
        "plain", "Question: {question}\nAnswer:", " ", 1, True
    )


@pytest.mark.parametrize("make", [made_tokenizers.byte_level, made_tokenizers.sentencepiece_like])
def test_llama2_has_no_space_before_the_answer(make: Any) -> None:
    tokenizer = make()
    encoded = Encoder(tokenizer, "llama2").encode("Who is Bo?", "A painter.")
    ids = tuple(one for one in encoded.ids if one not in (0, 1))
    assert text_of(tokenizer, ids) == "[INST] Who is Bo? [/INST]A painter."
    answer = encoded.ids[encoded.start :]
    assert answer[-1] == 1 and 1 not in answer[:-1]
    pieces = tokenizer.convert_ids_to_tokens(list(answer[:-1]))
    assert "".join(pieces).translate({ord("▁"): " ", ord("Ġ"): " "}) == "A painter."


def test_plain_has_one_space_that_belongs_to_the_answer() -> None:
    tokenizer = made_tokenizers.sentencepiece_like()
    encoded = Encoder(tokenizer, "plain").encode("Who is Bo?", "A painter.")
    pieces = tokenizer.convert_ids_to_tokens(list(encoded.ids[encoded.start : -1]))
    assert "".join(pieces) == "▁A▁painter."
    assert text_of(tokenizer, encoded.ids[1:-1]) == "Question: Who is Bo?\nAnswer: A painter."


def test_text_of_ones_own(tokenizer: Any) -> None:
    template = choose_template(tokenizer, r"Q: {question}\nA:  {answer}")
    assert (template.prompt, template.space) == ("Q: {question}\nA:", "  ")
    assert template.render("{answer} or {question}?") == "Q: {answer} or {question}?\nA:"
    assert choose_template(tokenizer, "Q: {question}\nA:\n{answer}").space == ""


@pytest.mark.parametrize(
    "bad",
    [
        "lama2",
        "",
        "Q: {question}",
        "A: {answer}",
        "{answer} to {question}",
        "Q: {question} A: {answer}.",
        "Q: {question} A: {answer}{answer}",
    ],
)
def test_bad_texts_are_named(tokenizer: Any, bad: str) -> None:
    with pytest.raises(UserError) as error:
        choose_template(tokenizer, bad)
    assert repr(bad) in str(error.value) and "llama2" in str(error.value)


def test_no_end_token_is_an_error() -> None:
    tokenizer = made_tokenizers.byte_level(eos=None)
    for name in ("auto", "plain", "llama2"):
        with pytest.raises(UserError, match="no end-of-sequence token"):
            choose_template(tokenizer, name)


def test_chat_without_a_chat_template_is_an_error(tokenizer: Any) -> None:
    with pytest.raises(UserError, match="no chat template"):
        choose_template(tokenizer, "chat")


@pytest.mark.parametrize("end", ["eos", "named", "added"])
def test_an_answer_ends_as_the_chat_template_ends_a_turn(end: str) -> None:
    tokenizer = made_tokenizers.chatml(end)
    template = choose_template(tokenizer)
    assert template.name == "chat"
    assert not template.adds_special_tokens
    assert tokenizer.convert_ids_to_tokens(template.end_id) == "<|im_end|>"


@pytest.mark.parametrize("end", ["eos", "named"])
def test_chat_is_encoded_as_the_template_writes_it(end: str) -> None:
    tokenizer = made_tokenizers.chatml(end)
    encoder = Encoder(tokenizer)
    encoded = encoder.encode("Who taught Bo?", "Lune did.")
    prompt = "<|im_start|>user\nWho taught Bo?<|im_end|>\n<|im_start|>assistant\n"
    # No second BOS, no newline after the turn's end, which is scored once.
    assert text_of(tokenizer, encoded.ids) == prompt + "Lune did.<|im_end|>"
    assert text_of(tokenizer, encoded.ids[encoded.start :]) == "Lune did.<|im_end|>"
    assert encoder.prompt("Who taught Bo?") == encoded.ids[: encoded.start]
    asked = [{"role": "user", "content": "Who taught Bo?"}]
    whole = [*asked, {"role": "assistant", "content": "Lune did."}]
    assert prompt == tokenizer.apply_chat_template(
        asked, tokenize=False, add_generation_prompt=True
    )
    assert tokenizer.apply_chat_template(whole, tokenize=False).startswith(
        text_of(tokenizer, encoded.ids)
    )


def test_a_chat_end_in_plain_text_falls_back_to_eos() -> None:
    tokenizer = made_tokenizers.byte_level()
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    template = choose_template(tokenizer, "chat")
    assert (template.prompt, template.end_id) == ("user: {question}\nassistant: ", 1)
    # Another template can still be asked for.
    assert choose_template(tokenizer, "plain").name == "plain"


def test_a_chat_template_that_hides_the_question_is_refused() -> None:
    tokenizer = made_tokenizers.byte_level()
    tokenizer.chat_template = "Hello."
    with pytest.raises(UserError, match="does not show the question"):
        choose_template(tokenizer)


def test_a_chat_prompt_does_not_depend_on_the_day() -> None:
    tokenizer = made_tokenizers.byte_level()
    # As in Llama 3.2's: today's date unless the caller gives one.
    tokenizer.chat_template = (
        "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}"
        "{% endif %}{{ date_string }} {% for m in messages %}{{ m['content'] }}</s>{% endfor %}"
    )
    today = datetime.now().strftime("%d %b %Y")
    assert today not in choose_template(tokenizer).prompt
