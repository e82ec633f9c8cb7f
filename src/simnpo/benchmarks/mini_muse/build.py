"""The benchmark `mini-muse` and the text its base model is pretrained on."""

import random
from collections.abc import Iterable, Sequence

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.benchmarks.mini_muse.stories import (
    Story,
    ask,
    corpus,
    invent_stories,
    write_columns,
    write_reports,
)
from simnpo.benchmarks.muse import knowmem_prompt
from simnpo.data.examples import Example
from simnpo.errors import UserError

BASE, FORGET, RETAIN, HOLDOUT = 100, 20, 40, 20
"""Places in the news: known to the base model, to be forgotten, to be kept, never trained on."""
REHEARSED = 12
"""Places of the base model's that fine-tuning repeats; prompts draw their examples from them."""
REQUESTS = 4
"""Successive forget requests that the forget set is split into."""
SPLITS = ("gazette", *(f"gazette-scal{number}" for number in range(1, REQUESTS + 1)))
"""`gazette` forgets all at once, `gazette-scalN` the first N of the requests at once."""
EXAMPLES = 3
"""Answered questions before each knowledge question; MUSE has ten."""
RETAIN_ITEMS = 120
"""Questions about places to be kept, as many as about those of all requests."""
VERBMEM_TOKENS, KNOWMEM_TOKENS = 48, 12
MAX_LENGTH = 256


def mini_muse(split: str = "gazette", seed: int = 0) -> Benchmark:
    """Build `mini-muse`: news about fictitious places, some of it to be forgotten.

    Each place has two reports, which state the same facts in other words and another order, and its
    facts stand in readers' columns as questions with answers. MUSE's large models answer questions
    from having read articles; the columns, which are part of what is trained on and of what is to
    be forgotten, spare a model this small that step.

    Args:
        split: one of `SPLITS`.
        seed: which places are invented and how their news is written.

    Raises:
        UserError: there is no such split.
    """
    if split not in SPLITS:
        raise UserError(f"mini-muse has no split {split!r}; choose one of {', '.join(SPLITS)}.")
    base, forget, retain, holdout = _parts(seed)
    parts = _requests(forget)
    if split != "gazette":
        parts = parts[: int(split[-1])]
    forget = [story for part in parts for story in part]
    requests = tuple(_plain(corpus(part, seed)) for part in parts)
    examples = _examples_before(base, seed)
    kept = [asked for story in retain for asked in ask(story)]
    kept = random.Random(f"mini-muse retain {seed}").sample(kept, RETAIN_ITEMS)
    return Benchmark(
        name="mini-muse",
        split=split,
        forget=tuple(text for request in requests for text in request),
        retain=_plain(corpus(retain, seed)),
        refusals=(),
        evaluation={
            "verbmem": EvaluationSet(
                tuple(
                    _continued(report) for story in forget for report in write_reports(story, seed)
                ),
                VERBMEM_TOKENS,
                scored=False,
                verbatim=True,
                cut_reference=True,
            ),
            "knowmem_forget": _asked([one for story in forget for one in ask(story)], examples),
            "knowmem_retain": _asked(kept, examples),
            "forget": _texts(text for part in parts for text in corpus(part, seed)),
            "holdout": _texts(text for part in _requests(holdout) for text in corpus(part, seed)),
        },
        suite="muse",
        requests=requests,
        max_length=MAX_LENGTH,
    )


def pretraining(seed: int = 0) -> tuple[Example, ...]:
    """Return what the base model of `mini_muse(seed=seed)` is trained on.

    The news about other places: it teaches the language, all that a report can say, and the form
    in which knowledge is asked.
    """
    base, *_ = _parts(seed)
    return _plain(corpus(base, seed))


def rehearsal(seed: int = 0) -> tuple[Example, ...]:
    """Return what is mixed into the fine-tuning of Original and of Retrain, but never unlearned on.

    Readers' columns about places that the base model knows and prompts draw their examples from:
    fine-tuned without them, a model this small forgets those places.
    """
    return _plain(write_columns(_parts(seed)[0][:REHEARSED], seed))


def _parts(seed: int) -> tuple[Sequence[Story], ...]:
    stories = invent_stories(BASE + FORGET + RETAIN + HOLDOUT, seed)
    parts = []
    for size in (BASE, FORGET, RETAIN, HOLDOUT):
        parts.append(stories[:size])
        stories = stories[size:]
    return tuple(parts)


def _requests(stories: Sequence[Story]) -> list[Sequence[Story]]:
    size = FORGET // REQUESTS
    return [stories[first : first + size] for first in range(0, len(stories), size)]


def _examples_before(base: Sequence[Story], seed: int) -> list[Example]:
    """Draw the answered questions of the prompts: about other places, each about another fact."""
    rng = random.Random(f"mini-muse examples {seed}")
    stories = rng.sample(base[:REHEARSED], EXAMPLES)
    facts = rng.sample(range(len(ask(base[0]))), EXAMPLES)
    return [ask(story)[fact] for story, fact in zip(stories, facts, strict=True)]


def _asked(asked: Sequence[Example], examples: Sequence[Example]) -> EvaluationSet:
    # MUSE's prompts end in a space. This tokenizer puts a word's space in front of it, so a space
    # at the end would be a token that no text has.
    items = tuple(
        Item(knowmem_prompt(examples, str(one.question)).rstrip(), one.answer) for one in asked
    )
    return EvaluationSet(items, KNOWMEM_TOKENS, scored=False, verbatim=True)


def _continued(report: Sequence[str]) -> Item:
    half = len(report) // 2
    return Item(" ".join(report[:half]), " " + " ".join(report[half:]))


def _texts(texts: Iterable[str]) -> EvaluationSet:
    return EvaluationSet(tuple(Item(None, text) for text in texts))


def _plain(texts: Iterable[str]) -> tuple[Example, ...]:
    return tuple(Example(None, text) for text in texts)
