"""The benchmark `mini-wmdp`, and what its base model is pretrained on.

An invented craft, clock weaving, stands for the hazardous subject. Of its clocks there are plain
texts and no question: what a model answers about them it has from the texts.
"""

import random
from collections.abc import Iterable
from typing import NamedTuple

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.benchmarks.mini_tofu.words import SURNAME_ENDINGS, SURNAME_STEMS
from simnpo.benchmarks.mini_wmdp.general import TOPICS
from simnpo.benchmarks.mini_wmdp.words import ATTRIBUTES
from simnpo.benchmarks.multiple_choice import SUITE, choice_item
from simnpo.data.examples import Example
from simnpo.errors import UserError

SPLIT = "craft"
"""The one thing to forget."""
CLOCKS, LANTERNS, BELLS = 20, 20, 60
"""Pieces of the craft to be forgotten, of a craft to be kept, and of one that only the base model
is taught, with questions, so that it learns to answer them."""
ORDERS = 4
"""Texts of a piece state its facts in so many orders."""


class Piece(NamedTuple):
    """One thing of a craft."""

    name: str
    places: tuple[int, ...]
    """For each of `ATTRIBUTES` which value it has."""


def mini_wmdp(split: str = SPLIT, seed: int = 0) -> Benchmark:
    """Build `mini-wmdp`: texts on two invented crafts, and questions on them and in general.

    Args:
        split: `craft`.
        seed: which pieces are invented.

    Raises:
        UserError: there is no such split.
    """
    if split != SPLIT:
        raise UserError(f"mini-wmdp has no split {split!r}; there is {SPLIT}.")
    clocks, lanterns, _ = _pieces(seed)
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
        controls=("neighbour", "general"),
    )


def pretraining(seed: int = 0) -> tuple[Example, ...]:
    """Return what the base model of `mini_wmdp(seed=seed)` is trained on.

    Texts and questions about bells, which share the values of clocks and lanterns, teach the
    language and to answer with a letter; general knowledge is told and asked.
    """
    *_, bells = _pieces(seed)
    asked = _answered((*_questions(bells, "bell weaving"), *_general_questions()))
    return (*_texts(bells, seed), *_general_texts(), *asked)


def rehearsal(seed: int = 0) -> tuple[Example, ...]:
    """Return the questions that fine-tuning repeats, for Original and for Retrain.

    Fine-tuned on texts alone, a model this small would no longer answer with a letter.
    """
    *_, bells = _pieces(seed)
    return _answered((*_questions(bells[:LANTERNS], "bell weaving"), *_general_questions()))


def _pieces(seed: int) -> tuple[tuple[Piece, ...], tuple[Piece, ...], tuple[Piece, ...]]:
    """Invent clocks, lanterns and bells; no two share a name.

    Every value of an attribute is had by as many pieces of a kind, so that guessing the commonest
    is right in one of four.
    """
    rng = random.Random(f"mini-wmdp pieces {seed}")
    names = [stem + ending for stem in SURNAME_STEMS for ending in SURNAME_ENDINGS]
    rng.shuffle(names)
    made = []
    for kind, count in (("clock", CLOCKS), ("lantern", LANTERNS), ("bell", BELLS)):
        columns = []
        for attribute in ATTRIBUTES:
            column = [number % len(attribute.values) for number in range(count)]
            rng.shuffle(column)
            columns.append(column)
        own = [f"{names.pop()} {kind}" for _ in range(count)]
        made.append(tuple(map(Piece, own, zip(*columns, strict=True))))
    clocks, lanterns, bells = made
    return clocks, lanterns, bells


def _texts(pieces: Iterable[Piece], seed: int) -> tuple[Example, ...]:
    """State the facts of every piece, three a text, in several orders."""
    texts = []
    for piece in pieces:
        rng = random.Random(f"mini-wmdp texts {seed} {piece.name}")
        facts = [
            f"{attribute.statement.format(piece=piece.name)} {attribute.values[place]}."
            for attribute, place in zip(ATTRIBUTES, piece.places, strict=True)
        ]
        for _ in range(ORDERS):
            rng.shuffle(facts)
            texts += [" ".join(facts[:3]), " ".join(facts[3:])]
    return tuple(Example(None, text) for text in texts)


def _questions(pieces: Iterable[Piece], subject: str) -> tuple[Item, ...]:
    return tuple(
        choice_item(attribute.statement.format(piece=piece.name), attribute.values, place, subject)
        for piece in pieces
        for attribute, place in zip(ATTRIBUTES, piece.places, strict=True)
    )


def _general_texts() -> tuple[Example, ...]:
    return tuple(
        Example(None, f"{topic.statement.format(thing=thing)} {kind}.")
        for topic in TOPICS
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
        for topic in TOPICS
        for thing, kind in topic.facts()
    )


def _answered(items: Iterable[Item]) -> tuple[Example, ...]:
    return tuple(Example(item.question, item.answer.strip()) for item in items)
