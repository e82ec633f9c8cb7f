"""Questions and answers as ids: where the answer starts, its one end token, the length limit."""

from typing import Any

import made_tokenizers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simnpo.data.batching import pad
from simnpo.data.encoding import Encoded, Encoder, count_truncated
from simnpo.data.examples import Example
from simnpo.errors import UserError

QUESTION, ANSWER = "Who taught Bo Marr?", "the painter Lune"
END = 1
TOKENIZERS = {
    "no bos": "$A",
    "bos": "<s> $A",
    "bos and eos": "<s> $A </s>",
    "eos": "$A </s>",
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def any_tokenizer(request: pytest.FixtureRequest) -> Any:
    return made_tokenizers.byte_level(TOKENIZERS[request.param])


WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="<", exclude_categories=("Cs",)), min_size=1
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(question=WORDS, answer=WORDS.filter(lambda text: text.strip() != ""))
@pytest.mark.parametrize("template", ["plain", "llama2", "Q: {question}\n{answer}"])
def test_prompt_answer_and_one_end_token(
    any_tokenizer: Any, template: str, question: str, answer: str
) -> None:
    encoder = Encoder(any_tokenizer, template, max_length=10_000)
    prompt, encoded = encoder.prompt(question), encoder.encode(question, answer)
    assert encoded.ids[: encoded.start] == prompt[: encoded.start]
    scored = encoded.ids[encoded.start :]
    assert scored[-1] == END and scored.count(END) == 1
    assert END not in prompt and prompt
    assert encoded.answer_length == len(scored) and not encoded.cut
    text = any_tokenizer.decode([one for one in encoded.ids[:-1] if one != 0])
    expected = encoder.template.render(question) + encoder.template.space + answer
    assert text == expected
    if template == "plain":  # a space never merges with what is before it
        assert encoded.start == len(prompt)


def test_ids_are_the_tokenizers_own(any_tokenizer: Any) -> None:
    encoded = Encoder(any_tokenizer, "plain").encode(QUESTION, ANSWER)
    text = f"Question: {QUESTION}\nAnswer: {ANSWER}"
    ids = any_tokenizer(text, add_special_tokens=False)["input_ids"]
    bos = [0] if any_tokenizer("a")["input_ids"][0] == 0 else []
    assert list(encoded.ids) == [*bos, *ids, END]
    answer = any_tokenizer.decode(list(encoded.ids[encoded.start :]))
    assert answer == f" {ANSWER}</s>"


def test_a_token_across_the_boundary_belongs_to_the_answer() -> None:
    tokenizer = made_tokenizers.byte_level()
    joined = tokenizer(" writes", add_special_tokens=False)["input_ids"]
    assert len(joined) < len(" writes"), "the tokenizer must know a part of this word"
    first = tokenizer.decode(joined[:1])
    split = len(first) - 1  # inside the first token
    encoder = Encoder(tokenizer, "Q: {question}" + " writes"[:split] + "{answer}")
    encoded = encoder.encode("She", " writes"[split:])
    assert encoded.ids[encoded.start :] == (*joined, END)
    assert encoded.ids[: encoded.start] == tuple(tokenizer("Q: She")["input_ids"])


def test_the_length_limit_cuts_and_says_so(any_tokenizer: Any) -> None:
    whole = Encoder(any_tokenizer, "plain").encode(QUESTION, ANSWER)
    length, start = len(whole.ids), whole.start
    exact = Encoder(any_tokenizer, "plain", length).encode(QUESTION, ANSWER)
    assert exact == whole and not exact.cut
    short = Encoder(any_tokenizer, "plain", length - 1).encode(QUESTION, ANSWER)
    assert short == Encoded(whole.ids[:-1], start, True)
    assert END not in short.ids
    one = Encoder(any_tokenizer, "plain", start + 1).encode(QUESTION, ANSWER)
    assert one.cut and one.answer_length == 1
    assert count_truncated([whole, short, exact, one]) == 2
    with pytest.raises(UserError, match=rf"Who taught.* takes {start} tokens.* {start} leaves"):
        Encoder(any_tokenizer, "plain", start).encode(QUESTION, ANSWER)


@pytest.mark.parametrize("limit", [1, 0, -3])
def test_a_limit_below_two_is_refused(tokenizer: Any, limit: int) -> None:
    with pytest.raises(UserError, match=rf"``max_length`` {limit}\b"):
        Encoder(tokenizer, "plain", limit)


@pytest.mark.parametrize("answer", ["", " ", "\n\t"])
def test_an_empty_answer_is_refused_with_its_question(tokenizer: Any, answer: str) -> None:
    with pytest.raises(UserError, match=r"Who taught Bo Marr\?' is empty"):
        Encoder(tokenizer, "plain").encode(QUESTION, answer)


@pytest.mark.parametrize("limit", [2, 5, 7, 1000])
def test_text_pieces_cover_all_tokens_but_a_last_lonely_one(any_tokenizer: Any, limit: int) -> None:
    text = "Ada Vell was born in Torrin, a town of nine bridges and one very old door."
    ids = any_tokenizer(text)["input_ids"]
    ids = ids[:-1] if ids[-1] == END else ids
    begun = ids[:1] if ids[0] == any_tokenizer.bos_token_id else []
    pieces = Encoder(any_tokenizer, "plain", limit).encode_text(text)
    assert all(list(piece.ids[: len(begun)]) == begun for piece in pieces)
    kept = [token for piece in pieces for token in piece.ids[len(begun) :]]
    rest = ids[len(begun) :]
    lonely = not begun and len(rest) % limit == 1
    assert kept == (rest[:-1] if lonely else rest)
    assert all(2 <= len(piece.ids) <= limit and piece.start == 1 for piece in pieces)
    assert not any(piece.cut for piece in pieces)


def test_a_text_of_one_token_is_refused() -> None:
    encoder = Encoder(made_tokenizers.byte_level("$A </s>"), "plain")
    with pytest.raises(UserError, match="'a' is a single token"):
        encoder.encode_text("a")


def test_encode_all_keeps_order_and_splits_texts(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, "plain", 64)
    text = "sea stories " * 40
    first, last = Example("Who?", "Bo."), Example("What?", "Plays.")
    encoded = encoder.encode_all([first, Example(None, text, topic="sea"), last])
    pieces = [piece._replace(topic="sea") for piece in encoder.encode_text(text)]
    assert len(pieces) > 1
    asked = [encoder.encode("Who?", "Bo."), encoder.encode("What?", "Plays.")]
    assert encoded == [asked[0], *pieces, asked[1]]


def test_turn_ends_inside_a_prompt_are_seen_though_they_are_the_pad_token() -> None:
    tokenizer = made_tokenizers.chatml("eos")
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    encoder = Encoder(tokenizer)
    encoded = [encoder.encode("Who?", "Bo."), encoder.encode(QUESTION, ANSWER)]
    assert tokenizer.pad_token_id in encoder.prompt("Who?")
    batch = pad(encoded, tokenizer.pad_token_id)
    assert batch["answer_mask"].sum(-1).tolist() == [one.answer_length for one in encoded]
    for row, one in enumerate(encoded):
        last = batch["input_ids"][row][batch["answer_mask"][row]][-1]
        assert last == tokenizer.pad_token_id and one.ids[-1] == last


ENGLISH = "The painter Lune, who lived at 4711-12 Quay-Street."


@pytest.mark.parametrize("answer", [ENGLISH, "物語の始まりはいつも同じであるという話。"])
@pytest.mark.parametrize("post", ["$A", "<s> $A"])
def test_what_the_limit_leaves_of_an_answer_ends_with_a_word(answer: str, post: str) -> None:
    tokenizer = made_tokenizers.byte_level(post)
    whole = Encoder(tokenizer, "plain").encode(QUESTION, answer)
    seen = set()
    for limit in range(whole.start + 8, len(whole.ids) + 1):
        encoder = Encoder(tokenizer, "plain", limit)
        left = encoder.fitting(QUESTION, answer)
        seen.add(left)
        assert answer.startswith(left) and left
        trained = tokenizer.decode(encoder.encode(QUESTION, answer).ids[whole.start :])
        assert trained.strip().startswith(left)  # the model has seen it all
        rest = answer[len(left) :]
        assert not (rest and left[-1].isascii() and left[-1].isalnum() and rest[0].isalnum())
    assert answer in seen and len(seen) > 3
    assert Encoder(tokenizer, "plain", len(whole.ids) - 1).fitting(QUESTION, answer) == answer


def test_one_word_is_left_of_an_answer_however_long_it_is(any_tokenizer: Any) -> None:
    begun = Encoder(any_tokenizer, "plain").encode(QUESTION, "a").start
    encoder = Encoder(any_tokenizer, "plain", begun + 2)
    assert encoder.fitting(QUESTION, "x" * 40 + " and more") == "x" * 40
