"""What a benchmark is: training sets, evaluation sets and the metrics they are measured by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from simnpo.config import MAX_LENGTH
from simnpo.data.examples import Example


class Item(NamedTuple):
    """One evaluated question with its answers, or a text."""

    question: str | None
    """None for a plain text, which is then scored from its second token on."""
    answer: str
    """The true answer, or the text."""
    paraphrase: str | None = None
    """The true answer in other words; None where the benchmark has none."""
    perturbed: tuple[str, ...] = ()
    """Wrong answers."""
    place: int | None = None
    """Where the true answer stands among all of them, from 0; None where they have no order."""

    @property
    def answers(self) -> tuple[str, ...]:
        """All its answers, the true one first."""
        paraphrase = () if self.paraphrase is None else (self.paraphrase,)
        return (self.answer, *paraphrase, *self.perturbed)


@dataclass(frozen=True)
class EvaluationSet:
    """Items that are asked alike."""

    items: tuple[Item, ...]
    max_new_tokens: int = 0
    """Length of a generated answer at most, in tokens; 0 generates none."""
    scored: bool = True
    """Whether the log-probs of the answers are wanted."""
    verbatim: bool = False
    """Whether a question is the whole prompt: no template around it, no end after an answer."""
    cut_reference: bool = False
    """Whether a generated answer is compared with as many tokens of the true one (MUSE)."""
    identifiers: tuple[tuple[str, ...] | None, ...] = ()
    """For each item, the strings of its answer that must not leak, where the data name them."""
    references: tuple[str, ...] = ()
    """For each item, what a generated answer is compared with; where there are none, with the true
    answer."""


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
    evaluation: Mapping[str, EvaluationSet]
    """Evaluation sets by name: for TOFU `forget`, `retain`, `real_authors`, `world_facts`."""
    suite: str = "tofu"
    """What it is measured by, a key of `simnpo.evaluation.suites.SUITES`."""
    requests: tuple[tuple[Example, ...], ...] = ()
    """Successive forget requests, each to a model that has unlearned those before it."""
    max_length: int = MAX_LENGTH
    """Tokens of a sequence at most, and of the pieces that plain texts are cut into."""
    utility_sets: tuple[str, ...] = ()
    """Evaluation sets that ask for what must be kept, where the suite measures all sets alike."""

    @property
    def identifiers(self) -> dict[str, tuple[tuple[str, ...] | None, ...]]:
        """Strings of the answers that must not leak, by set and item."""
        return {name: asked.identifiers for name, asked in self.evaluation.items()}

    @property
    def shortened(self) -> dict[str, tuple[int, int]]:
        """How many of how many answers are compared with their beginnings, by set that has any."""
        found = {}
        for name, asked in self.evaluation.items():
            answers = [item.answer for item in asked.items]
            count = sum(a != b for a, b in zip(answers, asked.references, strict=False))
            if count:
                found[name] = (count, len(answers))
        return found
