"""Retain rows that hold what is to be forgotten, found fast and without false alarms."""

import random
import time

import pytest

from simnpo.data.conflicts import Conflict, find_conflicts
from simnpo.data.examples import Example
from simnpo.data.own_rows import OwnRow


def row(
    name: str, question: str | None, answer: str, identifiers: tuple[str, ...] | None = None
) -> OwnRow:
    return OwnRow(Example(question, answer), identifiers=identifiers, place=name)


ADA = row("f1", "How to reach Ada Vell?", "Write to ada@vell.example or call (212) 555-0123.")
FILLER = [row(f"r{n}", f"What is {n}?", f"It is word{n}, of course.") for n in range(20)]


@pytest.mark.parametrize(
    ("retained", "identifiers"),
    [
        ("Her address is ADA@VELL.EXAMPLE.", ("ada@vell.example",)),
        ("Her number is +1 212 555 0123", ("(212) 555-0123",)),
        ("Call 212.555.0123, or ada@vell.example", ("ada@vell.example", "(212) 555-0123")),
        ("Call 212 555 01234", ()),
        ("Write to nada@vell.example", ()),
        ("Ada Vell is a writer.", ()),
    ],
)
def test_identifiers_in_retain_rows(retained: str, identifiers: tuple[str, ...]) -> None:
    for kept in (row("r", "Who?", retained), row("r", None, retained), row("r", retained, "Yes.")):
        expected = (Conflict("r", "f1", identifiers),) if identifiers else ()
        assert find_conflicts([ADA], [*FILLER, kept]) == expected


def test_identifiers_that_the_row_names_and_those_that_its_question_gives_away() -> None:
    named = row("f", "Who wrote order 4711?", "Jörg Åsa, in 1956.", ("Jörg Åsa", "4711"))
    kept = [row("a", "q", "Order 4711 of 1956"), row("b", "q", "By jörg\u00a0åsa himself")]
    assert find_conflicts([named], kept) == (Conflict("b", "f", ("Jörg Åsa",)),)
    assert find_conflicts([named._replace(identifiers=())], kept) == ()
    (found,) = find_conflicts([named._replace(identifiers=None)], kept)
    assert found == Conflict("a", "f", ("1956",))
    assert found.reason == "a contains 1956 of f"


def test_identifiers_in_scripts_without_spaces() -> None:
    named = row("f", "他是谁？", "他叫王小明，住在北京。", ("王小明",))
    kept = [row("a", "q", "昨天王小明来了。"), row("b", "q", "王小红来了。")]
    assert find_conflicts([named], kept) == (Conflict("a", "f", ("王小明",)),)


def test_urls_count_without_their_scheme() -> None:
    named = row("f", "Where?", "At https://www.vell.example/ada today.")
    assert find_conflicts([named], [row("a", "q", "See vell.example/ada.")])[0].identifiers


def test_the_most_telling_come_first() -> None:
    forget = [ADA, row("f2", "Since when?", "Since 1999, as ada@marr.example.")]
    kept = [
        row("r1", "When?", "In 1999."),
        row("r2", "When was it?", "It was in 1999."),
        row("r3", "Who?", "ada@marr.example, since 1999"),
        ADA._replace(place="r4"),
    ]
    assert find_conflicts(forget, [*kept, *FILLER]) == (
        Conflict("r4", "f1"),
        Conflict("r3", "f2", ("1999", "ada@marr.example")),
        Conflict("r1", "f2", ("1999",)),
        Conflict("r2", "f2", ("1999",)),
    )


def test_rows_that_nearly_equal_a_forget_row() -> None:
    kept = row("r", "how to reach ADA VELL", "“Write to ada@vell.example, or call (212) 555-0123”")
    (found,) = find_conflicts([FILLER[0], ADA], [*FILLER[1:], kept])
    assert found == Conflict("r", "f1")
    assert found.reason == "r nearly equals f1"
    text = row("f", None, "The mill burnt down in the night, and nobody ever saw the miller again")
    other = text._replace(example=Example(None, f"{text.example.answer}!"), place="r")
    assert find_conflicts([text], [*FILLER, other]) == (Conflict("r", "f"),)


def test_the_weights_of_words() -> None:
    # Each word is in both of two rows: log(1 + 2 / 2) each; "x", "y" in one: log(1 + 2 / 1).
    # 20 of 21 words shared, plus x and y: 20 * .693 / (20 * .693 + 2 * 1.099) = .863 < .9.
    words = " ".join(f"w{n}" for n in range(20))
    first, second = row("f", None, f"{words} x"), row("r", None, f"{words} y")
    assert find_conflicts([first], [second]) == ()
    # 30 words shared: 30 * .693 / (30 * .693 + 2.197) = .904.
    words = " ".join(f"w{n}" for n in range(30))
    first, second = row("f", None, f"{words} x"), row("r", None, f"{words} y")
    assert find_conflicts([first], [second]) == (Conflict("r", "f"),)


def records(count: int, seed: int, name: str) -> list[OwnRow]:
    """Records of one pattern that differ in names and numbers alone."""
    draw = random.Random(seed)
    syllables = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su"]
    made = []
    for number in range(count):
        first, last = ("".join(draw.choices(syllables, k=3)).title() for _ in range(2))
        phone = f"0{draw.randrange(10**9, 10**10)}"
        made.append(
            row(
                f"{name}{number}",
                f"What does the register hold on the customer {first} {last}, please?",
                f"The customer {first} {last} has been with us since {draw.randrange(1950, 2024)}; "
                f"write to {first}.{last}{number}@{name}.example or call {phone} in the morning.",
                (f"{first}.{last}{number}@{name}.example".lower(), phone),
            )
        )
    return made


def test_records_of_one_pattern_are_not_nearly_equal_and_many_are_fast() -> None:
    forget, retain = records(300, 0, "f"), records(3000, 1, "r")
    retain[77] = forget[5]._replace(place="copy")
    begun = time.process_time()
    assert find_conflicts(forget, retain) == (Conflict("copy", "f5"),)
    assert time.process_time() - begun < 10  # about 1 s; every pair would take minutes
    answers_only = [one._replace(identifiers=None) for one in records(30, 0, "f")]
    years = find_conflicts(answers_only, records(60, 1, "r"))
    assert all(len(one.identifiers) == 1 and len(one.identifiers[0]) == 4 for one in years)
