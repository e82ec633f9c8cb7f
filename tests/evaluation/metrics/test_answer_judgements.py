"""What one generated answer is: verbatim, empty, degenerate."""

import time

import pandas as pd
import pytest

from simnpo.evaluation.metrics.answers import empty_answers, is_degenerate, is_empty, verbatim

PHRASE = "Ada Vell was born in Torrin."


@pytest.mark.parametrize(
    ("reference", "generated"),
    [
        (PHRASE, PHRASE),
        (PHRASE, "Well: ADA  Vell was\nborn in Torrin, I think."),
        (PHRASE, 'I say "ada vell was born in torrin"!'),
        (PHRASE, "Ada Vell was born -- in Torrin"),  # a lone dash is not a word
        ("Bo's friend, the painter", "bo’s friend the painter."),
        ("the painter–sculptor", "The painter-sculptor"),
        ("Straße", "STRASSE"),
        ("Müller", "Mu\u0308ller"),
        ("ｆｕｌｌ １２３", "full 123"),
        ("555-0123", "It is 555-0123."),
        ("3", "3. That is all"),
        ("a b a c", "a b a b a c"),  # the first start fails
        ("Yes.", "Yes, she does"),
        ("東京で生まれた。", "彼女は東京で生まれた。1995年"),
        ("東京 で", "東京で"),
        ("iPhone", "新しいiPhoneです"),
        ("กรุงเทพ", "เธอเกิดที่กรุงเทพค่ะ"),
        ("Москва, 1995", "в городе москва 1995"),
        ("👍", " 👍 "),
    ],
)
def test_verbatim(reference: str, generated: str) -> None:
    assert verbatim(reference, generated)


@pytest.mark.parametrize(
    ("reference", "generated"),
    [
        (PHRASE, ""),
        (PHRASE, "Ada Vell was born"),
        (PHRASE, "Torrin in born was Vell Ada"),
        (PHRASE, "Ada Vell was not born in Torrin"),
        (PHRASE, "Ada Vell was born in Torrington"),
        ("a painter", "Abba painters"),
        ("painter", "painters"),
        ("art", "start"),
        ("555-0123", "555-01234"),
        ("3", "13 or 3.5"),
        ("東京で", "東京の"),
        ("iPhone", "iPhones"),
        ("👍", "👎"),
        ("👍", "👍 yes"),
    ],
)
def test_not_verbatim(reference: str, generated: str) -> None:
    assert not verbatim(reference, generated)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "...", "—", "?!", "👍", "\u200b", "<>", "___"])
def test_empty(text: str) -> None:
    assert is_empty(text)


@pytest.mark.parametrize("text", ["a", "1", "é", "京", "- x", "½"])
def test_not_empty(text: str) -> None:
    assert not is_empty(text)


@pytest.mark.parametrize(
    "text",
    [
        "the the the the the the",
        "No, no, no, no, no.",
        "Torrin Torrin Torrin Torrin Torrin Torrin Torrin Torrin",
        "aaaaaaaaaaaa",
        "!!!!!!!!!!!!!!!!",
        "hahahahahahaha",
        "東京東京東京東京東京東京",
        "はははははははははは",
        "00000000000000000000000000",
        "She is from Torrin. She is from Torrin. She is from Torrin.",
        "She was born in Torrin and she was born in Torrin and she was born in Torrin and",
        # It begins well and ends in a loop, the last round of which is truncated.
        "Ada Vell, the author of sea stories, was born in a small town by the sea in the year of "
        "the flood and then of the of the of the of the of th",
        "Her books are about love, about love, about love, about love",
        "The answer is: 1 1 1 1 1 1 1 1 1",
        "I am a a a a a a a a a a",
    ],
)
def test_degenerate(text: str) -> None:
    assert is_degenerate(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Torrin",
        "Yes, yes.",
        "no no no",
        "Ha ha ha!",
        "She is very, very, very tall.",
        "1000000000",
        "+1 000 000 0000",
        "Nooo!",
        "Wait.......",
        PHRASE,
        f"{PHRASE} {PHRASE}",
        "Ada is a painter. Bo is a painter. Cy is a painter. Di is a painter.",
        "1. Tea\n2. Tea with milk\n3. Coffee\n4. Coffee with milk",
        "red, green, blue, red, green, yellow",
        "January, February, March, April, May, June, July, August, September",
        "She wrote The Glass Harbour, The Broken Bell, The Winter Map and The Sleeping River.",
        "Row, row, row your boat, gently down the stream",
        "Name\n----\nAda",
        "彼女は東京で生まれ、大阪で育ちました。",
    ],
)
def test_not_degenerate(text: str) -> None:
    assert not is_degenerate(text)


@pytest.mark.parametrize("unit", ["a", "ab", " ", "a ", "a b c ", "1", ".", "東", "ab, c. "])
def test_time_is_linear(unit: str) -> None:
    text = unit * (30_000 // len(unit)) + "!"
    began = time.process_time()
    is_degenerate(text), is_empty(text), verbatim("x " + text, text), verbatim(text, text)
    assert time.process_time() - began < 2


def test_empty_answers_are_counted_by_set() -> None:
    columns = ["set", "reference", "generated"]
    rows = [("forget", "Ada", ""), ("forget", "Bo", " ... "), ("forget", "Cy", "北京")]
    rows += [("retain", "👍", "👍"), ("retain", "…", ""), ("facts", "Di", "Di")]
    (note,) = empty_answers(pd.DataFrame(rows, columns=columns))
    assert note == (
        "3 of 6 answers are empty, without a letter or digit: forget 2 of 3, retain 1 of 2."
    )
    (note,) = empty_answers(pd.DataFrame(rows[2:5], columns=columns))
    assert note.startswith("1 of 3 answers is empty")
    assert empty_answers(pd.DataFrame(rows[-1:], columns=columns)) == []
    assert empty_answers(pd.DataFrame([], columns=columns)) == []
