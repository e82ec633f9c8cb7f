"""What a benchmark is: training sets, evaluation sets and how long an answer may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from simnpo.data.examples import Example


class Item(NamedTuple):
    """One evaluated question; `paraphrase` is None where the benchmark has none."""

    question: str
    answer: str
    paraphrase: str | None
    perturbed: tuple[str, ...]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark at one split, as plain values: nothing here has met a tokenizer or a model."""

    name: str
    """Name on the command line, e.g. `tofu`."""
    split: str
    """The forget request, e.g. `forget05`."""
    forget: tuple[Example, ...]
    """What the model must forget."""
    retain: tuple[Example, ...]
    """What it must keep; Retrain is trained on this alone, Original on forget and retain."""
    refusals: tuple[str, ...]
    """Answers that refuse, for IDK."""
    evaluation: Mapping[str, tuple[Item, ...]]
    """Evaluation sets by name: for TOFU `forget`, `retain`, `real_authors`, `world_facts`."""
    max_new_tokens: int
    """Length of a generated answer at most, in tokens."""
