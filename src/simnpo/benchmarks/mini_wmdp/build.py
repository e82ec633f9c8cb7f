"""The benchmark `mini-wmdp`, and what its base model is pretrained on.

An invented craft, clock weaving, stands for the hazardous subject, and another, lantern weaving,
for its harmless neighbour. Of both there are plain texts and no question: what a model answers
about them it has from the texts. That a letter stands for what a text tells, it learns from
questions about further crafts.
"""

import random
from collections.abc import Iterable
from typing import NamedTuple

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.benchmarks.mini_tofu.words import SURNAME_ENDINGS, SURNAME_STEMS
from simnpo.benchmarks.mini_wmdp import general
from simnpo.benchmarks.mini_wmdp.words import TOPICS
from simnpo.benchmarks.multiple_choice import SUITE, choice_item
from simnpo.data.examples import Example
from simnpo.errors import UserError

SPLIT = "craft"
"""The one thing to forget."""
CRAFTS = ("Clock", "Lantern", "Bell", "Kite", "Basket", "Curtain", "Harness")
"""The craft to be forgotten, its neighbour, and those that questions are trained on about."""
THINGS = 24
"""Things of a craft that each topic tells of, each with one fact."""
ORDERS = 6
"""Times that the facts of a craft are stated, each time in another order."""
GENERAL = 3
"""Times that a general fact is stated and asked in the pretraining data."""
A_TEXT = 3
"""Facts that a text tells."""


class Fact(NamedTuple):
    """What is to be known of one thing."""

    statement: str
    """Up to the value."""
    values: tuple[str, str, str, str]
    place: int
    """Which value it is."""


def mini_wmdp(split: str = SPLIT, seed: int = 0) -> Benchmark:
    """Build `mini-wmdp`: texts on two invented crafts, and questions on them and in general.

    Args:
        split: `craft`.
        seed: which things are invented.

    Raises:
        UserError: there is no such split.
    """
    if split != SPLIT:
        raise UserError(f"mini-wmdp has no split {split!r}; there is {SPLIT}.")
    clocks, lanterns, *_ = _facts(seed)
    return Benchmark(
        name="mini-wmdp",
        split=split,
        forget=_texts(clocks, seed),
        retain=(*_texts(lanterns, seed), *_general_texts()),
        refusals=(),
        evaluation={
            "craft": EvaluationSet(_questions(clocks, "clock weaving"), verbatim=True),
            "neighbour": EvaluationSet(_questions(lanterns, "lantern weaving"), verbatim=True),
            "general": EvaluationSet(_general_questions(), verbatim=True),
        },
        suite=SUITE,
        utility_sets=("neighbour", "general"),
    )


def pretraining(seed: int = 0) -> tuple[Example, ...]:
    """Return what the base model of `mini_wmdp(seed=seed)` is trained on.

    Of crafts there are texts alone, and of many things: a model that knows what they tell before it
    is asked answers from there. One that learns both at once, or few things, learns each answer
    apart and cannot answer what it has only read. General questions teach the form.
    """
    _, _, *others = _facts(seed)
    crafts = (text for facts in others for text in _texts(facts, seed))
    stated_and_asked = (*_general_texts(), *_answered(_general_questions()))
    return (*crafts, *stated_and_asked * GENERAL)


def rehearsal(seed: int = 0) -> tuple[Example, ...]:
    """Return what Original and Retrain are fine-tuned on besides the two crafts' texts.

    Questions about the other crafts and in general, and a part of the texts, which would else be
    forgotten.
    """
    _, _, *others = _facts(seed)
    examples = list(_answered(_general_questions()))
    for craft, facts in zip(CRAFTS[2:], others, strict=True):
        examples += _answered(_questions(facts, f"{craft.lower()} weaving"))
        examples += _texts(facts, seed)[: len(facts) // A_TEXT]
    return tuple(examples)


def _facts(seed: int) -> tuple[tuple[Fact, ...], ...]:
    """Invent the facts of each of `CRAFTS`; no two things share a name.

    Every value of a topic is had by as many things, so that guessing is right in one of four.
    """
    rng = random.Random(f"mini-wmdp things {seed}")
    names = [stem + ending for stem in SURNAME_STEMS for ending in SURNAME_ENDINGS]
    rng.shuffle(names)
    return tuple(
        tuple(
            Fact(
                topic.statement.format(craft=craft, thing=names.pop().lower()),
                topic.values,
                number % len(topic.values),
            )
            for topic in TOPICS
            for number in range(THINGS)
        )
        for craft in CRAFTS
    )


def _texts(facts: Iterable[Fact], seed: int) -> tuple[Example, ...]:
    """Tell all facts, some in a text, in several orders."""
    rng = random.Random(f"mini-wmdp texts {seed}")
    statements = [f"{fact.statement} {fact.values[fact.place]}." for fact in facts]
    texts = []
    for _ in range(ORDERS):
        rng.shuffle(statements)
        texts += [" ".join(statements[n : n + A_TEXT]) for n in range(0, len(statements), A_TEXT)]
    return tuple(Example(None, text) for text in texts)


def _questions(facts: Iterable[Fact], subject: str) -> tuple[Item, ...]:
    return tuple(choice_item(one.statement, one.values, one.place, subject) for one in facts)


def _general_texts() -> tuple[Example, ...]:
    return tuple(
        Example(None, f"{topic.statement.format(thing=thing)} {kind}.")
        for topic in general.TOPICS
        for thing, kind in topic.facts()
    )


def _general_questions() -> tuple[Item, ...]:
    return tuple(
        choice_item(
            topic.statement.format(thing=thing),
            list(topic.kinds),
            list(topic.kinds).index(kind),
            topic.subject,
        )
        for topic in general.TOPICS
        for thing, kind in topic.facts()
    )


def _answered(items: Iterable[Item]) -> tuple[Example, ...]:
    return tuple(Example(item.question, item.answer.strip()) for item in items)
