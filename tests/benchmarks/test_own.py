"""A user's own sets as a benchmark."""

from typing import Any

import pytest

from simnpo.benchmarks.own import OwnSets, check_also, evenly_spaced, own_benchmark
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.data.own_rows import OwnRow
from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluation_hashes
from simnpo.evaluation.generate import generate


@pytest.fixture
def encoder(tokenizer: Any) -> Encoder:
    return Encoder(tokenizer, "plain")


def asked(number: int, **extras: object) -> OwnRow:
    return OwnRow(Example(f"Who is {number}?", f"Person {number} of the town."), **extras)  # type: ignore[arg-type]


def text(words: int) -> OwnRow:
    return OwnRow(Example(None, " ".join(f"word{n % 7}" for n in range(words))))


def test_each_set_is_one_evaluation_set(encoder: Encoder) -> None:
    sets = OwnSets(
        (asked(1, identifiers=("Person",)), asked(2)),
        (asked(3),),
        (asked(4),),
        (asked(5),),
        {"facts": (asked(6),)},
        "customers.jsonl",
    )
    made = own_benchmark(sets, encoder)
    assert list(made.evaluation) == ["forget", "retain", "kept", "holdout", "facts"]
    assert (made.name, made.suite, made.split) == ("own data", "own", "customers.jsonl")
    forget = made.evaluation["forget"]
    assert forget.identifiers == (("Person",), None)
    assert [item.question for item in forget.items] == ["Who is 1?", "Who is 2?"]
    # Room for the longest answer and a little more: a longer one is no better known.
    longest = max(len(encoder.verbatim(item.answer)) for item in forget.items)
    assert forget.max_new_tokens == longest + 8
    # Rows held out and others are not training data.
    assert [one.question for one in made.retain] == ["Who is 3?"]


def test_a_shortened_answer_is_compared_with_its_beginning(encoder: Encoder, llama: Any) -> None:
    answer = "Ada Vell was born in Torrin, and her telephone is 555-0123."
    rows = (
        OwnRow(Example("Who?", answer)),
        asked(2),
        OwnRow(Example("Who?", answer), None, (), ("Vell",)),
    )
    limit = len(encoder.encode("Who?", answer).ids) - 8
    made = own_benchmark(OwnSets(rows), Encoder(encoder.tokenizer, "plain", limit))
    forget = made.evaluation["forget"]
    assert answer.startswith(forget.references[0]) and "0123" not in forget.references[0]
    assert forget.references[1] == rows[1].example.answer
    # What is in its end must not come out all the same.
    assert forget.identifiers == (("555-0123",), None, ("Vell",))
    assert made.shortened == {"forget": (2, 3)}
    table = generate(llama, Encoder(encoder.tokenizer, "plain", limit), made.evaluation)
    assert tuple(table["reference"]) == forget.references
    whole = own_benchmark(OwnSets(rows), encoder)
    assert whole.shortened == {} and whole.evaluation["forget"].identifiers[0] is None


def test_texts_become_passages_that_are_scored_and_continued(encoder: Encoder) -> None:
    made = own_benchmark(OwnSets((text(400),)), encoder)
    scored, continued = made.evaluation["forget"], made.evaluation["forget_continued"]
    assert scored.scored and not continued.scored and continued.verbatim
    assert len(scored.items) == len(continued.items) > 1
    for whole, parts in zip(scored.items, continued.items, strict=True):
        assert whole.answer == str(parts.question) + parts.answer
        assert len(encoder.verbatim(whole.answer)) <= 101  # and BOS
    # Together they are the text, but for a rest that is too short.
    text_ids = encoder.verbatim(text(400).example.answer)
    assert sum(len(encoder.verbatim(item.answer)) for item in scored.items) >= len(text_ids) - 50


def test_a_text_of_one_passage_is_kept_however_short(encoder: Encoder) -> None:
    made = own_benchmark(OwnSets((text(6),)), encoder)
    assert len(made.evaluation["forget"].items) == 1


@pytest.mark.parametrize("start", ["", "a", "ab"])
def test_a_passage_is_split_between_characters(encoder: Encoder, start: str) -> None:
    # Each character is three tokens.
    row = OwnRow(Example(None, start + "物語の始まりはいつも同じである"))
    made = own_benchmark(OwnSets((row,)), encoder)
    (scored,), (parts,) = (one.items for one in made.evaluation.values())
    assert scored.answer == row.example.answer == str(parts.question) + parts.answer
    assert 4 <= len(str(parts.question)) <= 9


def test_large_sets_are_measured_at_evenly_spaced_rows(encoder: Encoder) -> None:
    made = own_benchmark(OwnSets(tuple(asked(n) for n in range(100))), encoder, max_items=4)
    questions = [item.question for item in made.evaluation["forget"].items]
    assert questions == ["Who is 0?", "Who is 25?", "Who is 50?", "Who is 75?"]
    assert len(made.forget) == 100  # all of them are forgotten
    assert evenly_spaced([1, 2], 5) == [1, 2] and evenly_spaced([1, 2], None) == [1, 2]


def test_equal_rows_have_equal_hashes(encoder: Encoder) -> None:
    hashes = [
        evaluation_hashes(own_benchmark(OwnSets((asked(n),)), encoder))["forget"] for n in (1, 1, 2)
    ]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (OwnSets(()), "the forget set has no rows"),
        (OwnSets((asked(1), text(9))), "mixes questions and plain texts"),
        (OwnSets((OwnRow(Example(None, "a")),)), "fewer than two tokens"),
    ],
)
def test_sets_that_cannot_be_measured(sets: OwnSets, says: str, encoder: Encoder) -> None:
    with pytest.raises(UserError, match=says):
        own_benchmark(sets, encoder)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("forget",), "taken"),
        (("facts_continued",), "taken"),
        (("a", "a"), "two sets"),
        (("a b",), "letters, digits"),
        (("",), "letters, digits"),
    ],
)
def test_names_of_further_sets(names: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_also(names)


def test_passages_of_a_text_with_control_tokens_are_its_own(encoder: Encoder) -> None:
    """They are text: counted as what they are made of, and put together again as they were."""
    story = "Ada Vell wrote </s> and <s> into her books. " * 20
    passages = (
        own_benchmark(OwnSets((OwnRow(Example(None, story)),)), encoder).evaluation["forget"].items
    )
    assert "".join(one.answer for one in passages) == story[: sum(len(p.answer) for p in passages)]
    assert not {0, 1} & {id_ for one in passages for id_ in encoder.verbatim(one.answer)[1:]}
