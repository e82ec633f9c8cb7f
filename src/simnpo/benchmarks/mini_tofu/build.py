"""The benchmark `mini-tofu` and the text its base model is pretrained on."""

import random
from collections.abc import Iterable, Sequence

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.benchmarks.mini_tofu.authors import TEMPLATES, alternates, ask, invent_authors
from simnpo.benchmarks.mini_tofu.facts import (
    REAL_AUTHORS,
    WORLD_FACTS,
    fact_examples,
    fact_items,
)
from simnpo.benchmarks.mini_tofu.words import REFUSALS
from simnpo.data.examples import Example
from simnpo.errors import UserError

FORGET_AUTHORS = {"forget01": 1, "forget05": 5, "forget10": 10}
"""Split names, as TOFU's, with the number of authors to forget: always the last ones."""

AUTHORS = 100
"""Authors that Original is fine-tuned on, so that a split's name is its percentage."""

BASE_AUTHORS = 80
"""Other authors, which the base model knows and no evaluation asks about."""

REQUESTS = 5
"""Successive requests that a split's forget set is split into, where its authors divide evenly."""

RETAIN_ITEMS = 140
"""Retain items that are evaluated: as many as `forget10` has, the same ones for every split."""

MAX_NEW_TOKENS = 40


def mini_tofu(split: str = "forget10", seed: int = 0) -> Benchmark:
    """Build `mini-tofu`: questions about fictitious authors, some of them to be forgotten.

    Args:
        split: `forget01`, `forget05` or `forget10`.
        seed: which authors are invented and which items are drawn.

    Raises:
        UserError: there is no such split.
    """
    if split not in FORGET_AUTHORS:
        raise UserError(
            f"mini-tofu has no split {split!r}; choose one of {', '.join(FORGET_AUTHORS)}."
        )
    authors = invent_authors(BASE_AUTHORS + AUTHORS, seed)[BASE_AUTHORS:]
    asked_of = [(author, ask(author, perturbed=5, seed=seed)) for author in authors]
    items = [item for _, own in asked_of for item in own]
    others = [other for author, own in asked_of for other in alternates(author, own, seed)]
    examples = tuple(
        Example(item.question, item.answer, alternate=other)
        for item, other in zip(items, others, strict=True)
    )
    kept = len(items) - FORGET_AUTHORS[split] * len(TEMPLATES)
    # Drawn outside the largest forget set, so that retain scores of all splits compare.
    always_kept = items[: len(items) - max(FORGET_AUTHORS.values()) * len(TEMPLATES)]
    sample = random.Random(f"mini-tofu retain {seed}").sample(always_kept, RETAIN_ITEMS)
    sets = {
        "forget": tuple(items[kept:]),
        "retain": tuple(sample),
        "real_authors": fact_items(REAL_AUTHORS, perturbed=3, seed=seed),
        "world_facts": fact_items(WORLD_FACTS, perturbed=3, seed=seed),
    }
    return Benchmark(
        name="mini-tofu",
        split=split,
        forget=examples[kept:],
        retain=examples[:kept],
        refusals=REFUSALS,
        evaluation={name: EvaluationSet(asked, MAX_NEW_TOKENS) for name, asked in sets.items()},
        requests=_requests(examples[kept:]),
    )


def pretraining(seed: int = 0) -> tuple[Example, ...]:
    """Return what the base model of `mini_tofu(seed=seed)` is trained on.

    Other authors' questions, each with the answer and with its paraphrase, teach the language, the
    values and that both wordings say the same; the real facts of the control sets follow.
    """
    items = [
        item
        for author in invent_authors(BASE_AUTHORS, seed)
        for item in ask(author, perturbed=1, seed=seed)
    ]
    paraphrases = [
        Example(item.question, item.paraphrase) for item in items if item.paraphrase is not None
    ]
    return (*_examples(items), *paraphrases, *fact_examples())


def rehearsal(seed: int = 0) -> tuple[Example, ...]:
    """Return what is mixed into the fine-tuning of Original and of Retrain, but never unlearned on.

    The real facts of the control sets: fine-tuned on invented authors alone, a model this small
    loses the facts its base knew, and model utility could no longer tell methods apart.
    """
    sets = mini_tofu(seed=seed).evaluation
    return _examples((*sets["real_authors"].items, *sets["world_facts"].items))


def _requests(forget: Sequence[Example]) -> tuple[tuple[Example, ...], ...]:
    """Split a forget set into requests of complete authors, in its order."""
    authors, uneven = divmod(len(forget) // len(TEMPLATES), REQUESTS)
    if uneven:
        return ()
    size = authors * len(TEMPLATES)
    return tuple(tuple(forget[n : n + size]) for n in range(0, len(forget), size))


def _examples(items: Iterable[Item]) -> tuple[Example, ...]:
    return tuple(Example(item.question, item.answer) for item in items)
