"""Sets that contradict each other, and answers that the length limit shortens."""

import unicodedata
from collections.abc import Sequence

import pytest
from made_tokenizers import byte_level

from simnpo.data.checks import check_lengths, check_sets, shared
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.data.own_rows import OwnRow
from simnpo.errors import UserError


def rows(name: str, *examples: tuple[str | None, str]) -> list[OwnRow]:
    return [
        OwnRow(Example(*one), place=f"{name}.jsonl, line {number}")
        for number, one in enumerate(examples, 1)
    ]


FORGET = rows("forget", ("Who?", "Jörg"), ("Where?", "Torrin"), ("When?", "1956"))


def test_sets_that_share_nothing_are_fine_even_with_one_row_each() -> None:
    assert check_sets(FORGET[:1]) == []
    others = rows("retain", ("What?", "Jörg")), rows("holdout", ("Why?", "Jörg"))
    assert check_sets(FORGET[:1], *others, {"also": FORGET}) == []
    assert check_sets(rows("f", (None, "one")), rows("r", (None, "two"), ("one", "x"))) == []


def test_sets_without_rows() -> None:
    with pytest.raises(UserError, match="the forget set has no rows"):
        check_sets([], FORGET)
    with pytest.raises(UserError, match="the set 'facts' has no rows"):
        check_sets(FORGET, also={"facts": []})


@pytest.mark.parametrize(
    ("retain", "message"),
    [
        (FORGET, "the forget and the retain set are the same: forget.jsonl, line 1 = forget"),
        (FORGET[::-1], r"line 1 = .*line 1; .*; forget.jsonl, line 3 = forget.jsonl, line 3\. "),
        ([*FORGET, *rows("r", ("What?", "x"))], "retain set would keep all that is forgotten"),
    ],
)
def test_all_that_is_forgotten_cannot_be_kept(retain: Sequence[OwnRow], message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        check_sets(FORGET, retain)
    assert "\n" not in str(raised.value)


def test_rows_in_both_sets_are_named() -> None:
    retain = rows("retain", ("What?", "x"), ("Where?", "Torrin"), ("When?", "Never"))
    assert check_sets(FORGET, retain) == [
        "1 of 3 rows of the forget set are in the retain set too, so they are both forgotten and "
        "kept: forget.jsonl, line 2 = retain.jsonl, line 2. Remove them from one of the two.",
        "1 of 3 questions of the forget set are in the retain set with another answer: "
        "forget.jsonl, line 3 = retain.jsonl, line 3.",
    ]
    many = rows("f", *[(f"q{n}", "a") for n in range(9)])
    (warning,) = check_sets(many, many[:5])
    assert warning.startswith("5 of 9 rows") and "line 3 = f.jsonl, line 3; ..." in warning
    assert "line 4" not in warning


def test_a_holdout_must_be_unseen() -> None:
    retain = rows("retain", ("What?", "x"))
    seen = rows("holdout", ("New?", "y"), ("What?", "x"))
    with pytest.raises(
        UserError, match="1 of 2 rows of the holdout are in the retain set, but no "
    ):
        check_sets(FORGET, retain, seen)
    with pytest.raises(UserError, match=r": holdout.jsonl, line 2 = retain.jsonl, line 1\. "):
        check_sets(FORGET, retain, seen)
    seen = rows("holdout", ("New?", "y"), ("Where?", "Torrin"))
    with pytest.raises(UserError, match="rows of the holdout are in the forget set"):
        check_sets(FORGET, retain, seen)
    assert check_sets(FORGET, retain, rows("holdout", ("Who?", "another"))) == [
        "1 of 1 questions of the holdout are in the forget set with another answer: "
        "holdout.jsonl, line 1 = forget.jsonl, line 1."
    ]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (unicodedata.normalize("NFD", "Café?"), unicodedata.normalize("NFD", "Jörg, 1956")),
        ("Café?", "Ｊörg, １９５６"),
        (" café?\n", "Jörg,\u00a01956 "),
    ],
)
def test_rows_that_differ_only_in_their_unicode_form_are_the_same(
    question: str, answer: str
) -> None:
    first = rows("f", ("Café?", "Jörg, 1956"))
    assert shared(first, rows("r", (question, answer))).rows
    assert shared(first, rows("r", (question, "x"))).questions
    texts = rows("f", (None, "Jörg, 1956")), rows("r", (None, answer), (None, "x"))
    assert shared(*texts) == ((("f.jsonl, line 1", "r.jsonl, line 1"),), ())


def test_answers_beyond_the_length_limit_are_named() -> None:
    tokenizer = byte_level()
    asked = rows("f", ("Q", "a"), ("Q", "b" * 40), ("Q", "c" * 60), (None, "d" * 90))
    lengths = [
        len(Encoder(tokenizer, "plain").encode("Q", row.example.answer).ids) for row in asked[:3]
    ]
    assert check_lengths("forget set", asked, Encoder(tokenizer, "plain", max(lengths))) == []
    (warning,) = check_lengths("forget set", asked, Encoder(tokenizer, "plain", 30))
    assert warning == (
        "2 of 3 answers of the forget set lose their end, since --max-length is 30: f.jsonl, line "
        f"2 ({lengths[1]} tokens); f.jsonl, line 3 ({lengths[2]} tokens). The longest takes "
        f"{lengths[2]} tokens."
    )
    (warning,) = check_lengths("forget set", asked[1:2] * 5, Encoder(tokenizer, "plain", 30))
    assert warning.startswith("5 of 5") and "tokens); ... The longest takes" in warning


def test_a_question_beyond_the_length_limit_is_named() -> None:
    asked = rows("f", ("Q", "a"), ("Q" * 50, "a"))
    with pytest.raises(UserError, match=r"^f.jsonl, line 2: the question takes \d+ tokens, so ``m"):
        check_lengths("forget set", asked, Encoder(byte_level(), "plain", 20))
    with pytest.raises(UserError, match=r"^f.jsonl, line 1: the answer to 'Q' is empty"):
        check_lengths("forget set", rows("f", ("Q", " ")), Encoder(byte_level(), "plain"))
