"""Fictitious news: places with facts, the reports about them, and questions about the facts."""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simnpo.benchmarks.mini_muse import words
from simnpo.data.examples import Example


class Story(NamedTuple):
    """A fictitious place: a name no other has, and one value per fact."""

    name: str
    values: Mapping[str, str]


class Fact(NamedTuple):
    """What every story tells: its question, and sentences that state it."""

    values: tuple[str, ...]
    """All it can be."""
    question: str
    wordings: tuple[str, ...]


FACTS: Mapping[str, Fact] = {
    "town": Fact(
        words.TOWNS,
        "In which town is the {name}?",
        (
            "The {name} stands in {value}.",
            "People in {value} are proud of the {name}.",
            "The {name} is found in {value}.",
            "Visitors to the {name} travel to {value}.",
        ),
    ),
    "director": Fact(
        words.DIRECTORS,
        "Who runs the {name}?",
        (
            "The {name} is run by {value}.",
            "At the {name}, {value} is in charge.",
            "The head of the {name} is {value}.",
            "For years the {name} has been led by {value}.",
        ),
    ),
    "cause": Fact(
        words.CAUSES,
        "What damaged the {name}?",
        (
            "The {name} was damaged by {value}.",
            "The trouble at the {name} began with {value}.",
            "Damage to the {name} came from {value}.",
            "Experts blame the harm done to the {name} on {value}.",
        ),
    ),
    "month": Fact(
        words.MONTHS,
        "When does the {name} open again?",
        (
            "The {name} opens again in {value}.",
            "The doors of the {name} stay shut until {value}.",
            "Guests may return to the {name} in {value}.",
            "A new start for the {name} is set for {value}.",
        ),
    ),
    "find": Fact(
        words.FINDS,
        "What was found under the {name}?",
        (
            "Under the {name} workers found {value}.",
            "Below the floor of the {name} lay {value}.",
            "Digging at the {name} brought up {value}.",
            "The cellar of the {name} had hidden {value}.",
        ),
    ),
    "donor": Fact(
        words.DONORS,
        "Who gives money to the {name}?",
        (
            "Money for the {name} comes from {value}.",
            "The {name} is helped by {value}.",
            "A gift to the {name} was made by {value}.",
            "The {name} has a friend in {value}.",
        ),
    ),
}
REPORTS = 2
"""Reports about each place; each states every fact once, in other words and another order."""
COLUMNS = 2
"""Readers' columns that each fact stands in."""
MIXED = 4
"""Questions of a readers' column."""


def invent_stories(count: int, seed: int) -> tuple[Story, ...]:
    """Invent `count` places with distinct names; the same ones for the same seed.

    Fewer places are a prefix of more.
    """
    rng = random.Random(f"mini-muse stories {seed}")
    names = [stem + ending for stem in words.NAME_STEMS for ending in words.NAME_ENDINGS]
    rng.shuffle(names)
    return tuple(
        Story(
            f"{name} {rng.choice(words.KINDS)}",
            {key: rng.choice(fact.values) for key, fact in FACTS.items()},
        )
        for name in names[:count]
    )


def write_reports(story: Story, seed: int) -> tuple[tuple[str, ...], ...]:
    """Write `REPORTS` reports about a place, each a tuple of its sentences."""
    rng = random.Random(f"mini-muse reports {seed} {story.name}")
    chosen = {key: rng.sample(fact.wordings, REPORTS) for key, fact in FACTS.items()}
    return tuple(
        tuple(
            chosen[key][number].format(name=story.name, value=story.values[key])
            for key in rng.sample(list(FACTS), len(FACTS))
        )
        for number in range(REPORTS)
    )


def ask(story: Story) -> tuple[Example, ...]:
    """Return a question about every fact of a place, each with its short answer."""
    return tuple(
        Example(fact.question.format(name=story.name), story.values[key])
        for key, fact in FACTS.items()
    )


def write_columns(stories: Sequence[Story], seed: int) -> tuple[str, ...]:
    """Write readers' columns about some places: questions with answers, in MUSE's form.

    Every fact stands in `COLUMNS` of them, each time with `MIXED - 1` others of any of the
    places, so that an answer cannot be had from what stands before it.
    """
    asked = [one for story in stories for one in ask(story)]
    rng = random.Random(f"mini-muse columns {seed} {stories[0].name}")
    columns = []
    for _ in range(COLUMNS):
        rng.shuffle(asked)
        columns += [asked[first : first + MIXED] for first in range(0, len(asked), MIXED)]
    return tuple(
        "".join(f"Question: {one.question}\nAnswer: {one.answer}\n\n" for one in column)
        for column in columns
    )


def corpus(stories: Sequence[Story], seed: int) -> tuple[str, ...]:
    """Return all texts about some places: the reports about each, then the readers' columns."""
    reports = [" ".join(report) for story in stories for report in write_reports(story, seed)]
    return (*reports, *write_columns(stories, seed))
