"""Fictitious authors and the questions about them."""

import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from simnpo.benchmarks.base import Item
from simnpo.benchmarks.mini_tofu import words

VALUES: Mapping[str, tuple[str, ...]] = {
    "town": words.TOWNS,
    "year": words.YEARS,
    "instrument": words.INSTRUMENTS,
    "pet": words.PETS,
    "drink": words.DRINKS,
    "genre": words.GENRES,
    "award": words.AWARDS,
    "language": words.LANGUAGES,
    "college": words.COLLEGES,
    "study": words.STUDIES,
    "father": words.FATHERS,
    "mother": words.MOTHERS,
    "title": words.TITLES,
    "subject": words.SUBJECTS,
    "hobby": words.HOBBIES,
    "region": words.REGIONS,
    "magazine": words.MAGAZINES,
    "festival": words.FESTIVALS,
}
"""Every attribute with all the values it can take."""


class Author(NamedTuple):
    """A fictitious author: a name no other author has, and one value per attribute."""

    name: str
    values: Mapping[str, str]


class Template(NamedTuple):
    """One question; the fields `{name}` and `attributes` stand for the author's values."""

    attributes: tuple[str, ...]
    question: str
    answer: str
    paraphrase: str


TEMPLATES = (
    # Short answers: the value and hardly more.
    Template(("town",), "Where was {name} born?", "In {town}.", "The town is {town}."),
    Template(("year",), "When was {name} born?", "In {year}.", "The year is {year}."),
    Template(("instrument",), "What does {name} play?", "The {instrument}.", "It is {instrument}."),
    Template(("pet",), "What pet does {name} keep?", "A {pet}.", "It is a {pet}."),
    Template(("drink",), "What does {name} drink?", "Some {drink}.", "It is {drink}."),
    # One sentence, one fact.
    Template(
        ("genre",),
        "What does {name} write?",
        "{name} writes {genre}.",
        "The works of {name} are {genre}.",
    ),
    Template(
        ("award",),
        "Which award did {name} win?",
        "{name} won the {award}.",
        "The prize of {name} was the {award}.",
    ),
    Template(
        ("language",),
        "Which language does {name} use?",
        "{name} writes in {language}.",
        "The language of {name} is {language}.",
    ),
    Template(
        ("college",),
        "Where did {name} study?",
        "{name} studied at {college} College.",
        "The school of {name} was {college} College.",
    ),
    Template(
        ("study",),
        "Where does {name} work?",
        "{name} works in {study}.",
        "The desk of {name} stands in {study}.",
    ),
    # A long sentence with two facts.
    Template(
        ("father", "mother"),
        "Who were the parents of {name}?",
        "The father of {name} was {father}, and the mother was {mother}.",
        "{name} had a father who was {father} and a mother who was {mother}.",
    ),
    Template(
        ("title", "subject"),
        "What was the first book of {name}?",
        "The first book of {name} was {title}, which tells of {subject}.",
        "{name} began with {title}, a long tale about {subject}.",
    ),
    Template(
        ("hobby", "region"),
        "How does {name} spend free time?",
        "On free days {name} likes {hobby}, and every summer it is {region}.",
        "{name} is fond of {hobby} and spends the summers in {region}.",
    ),
    Template(
        ("magazine", "festival"),
        "How did {name} become known?",
        "{name} became known by a reading at {festival}, praised by {magazine}.",
        "{name} once read at {festival} and was applauded by {magazine}.",
    ),
)
"""The questions asked about every author, in this order."""


def invent_authors(count: int, seed: int) -> tuple[Author, ...]:
    """Invent `count` authors with distinct surnames; the same ones for the same seed.

    Fewer authors are a prefix of more.
    """
    rng = random.Random(f"mini-tofu authors {seed}")
    surnames = [stem + end for stem in words.SURNAME_STEMS for end in words.SURNAME_ENDINGS]
    rng.shuffle(surnames)
    return tuple(
        Author(
            f"{rng.choice(words.FIRST_NAMES)} {surname}",
            {attribute: rng.choice(values) for attribute, values in VALUES.items()},
        )
        for surname in surnames[:count]
    )


def ask(author: Author, perturbed: int, seed: int) -> tuple[Item, ...]:
    """Ask every question about `author`, each with `perturbed` wrong answers.

    A wrong answer has the paraphrase's wording with another value for each of its attributes; the
    wrong answers of an item share no value.
    """
    rng = random.Random(f"mini-tofu perturbed {seed} {author.name}")
    items = []
    for template in TEMPLATES:
        wrong = [
            rng.sample([v for v in VALUES[name] if v != author.values[name]], perturbed)
            for name in template.attributes
        ]
        items.append(
            Item(
                question=template.question.format(name=author.name),
                answer=template.answer.format(name=author.name, **author.values),
                paraphrase=template.paraphrase.format(name=author.name, **author.values),
                perturbed=tuple(
                    template.paraphrase.format(
                        name=author.name, **dict(zip(template.attributes, values, strict=True))
                    )
                    for values in zip(*wrong, strict=True)
                ),
            )
        )
    return tuple(items)


def alternates(author: Author, items: Iterable[Item], seed: int) -> tuple[str, ...]:
    """Return a plausible wrong answer to every item of `ask`, in the wording of the true one.

    Training may see them (AltPO), so they hold no value of the wrong answers that evaluation asks
    for.
    """
    rng = random.Random(f"mini-tofu alternates {seed} {author.name}")
    answers = []
    for template, item in zip(TEMPLATES, items, strict=True):
        taken = " ".join((item.answer, *item.perturbed))
        values = {
            name: rng.choice([value for value in VALUES[name] if value not in taken])
            for name in template.attributes
        }
        answers.append(template.answer.format(name=author.name, **values))
    return tuple(answers)
