"""The data of a loss: each term's examples, encoded, and how terms are paired into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset

from simnpo.data.batching import Batch, pad
from simnpo.data.encoding import Encoded, Encoder, count_truncated
from simnpo.data.examples import Example
from simnpo.errors import UserError
from simnpo.methods.base import ALTERNATE, REFUSAL, Objective
from simnpo.methods.method import Method

FORGET, RETAIN = "forget", "retain"
"""Names of the terms."""


@dataclass(frozen=True)
class Term:
    """One summand of the loss: `weight * mean(objective)` over its examples."""

    name: str
    objective: Objective
    weight: float
    encoded: dict[str, list[Encoded]]
    """For each answer the objective asks for, one sequence per example."""

    def __len__(self) -> int:
        return len(next(iter(self.encoded.values())))

    @property
    def sequences(self) -> list[Encoded]:
        """All its sequences, those of one answer after those of another."""
        return [one for rows in self.encoded.values() for one in rows]


def build_terms(
    method: Method,
    forget: Sequence[Example],
    retain: Sequence[Example],
    encoder: Encoder,
    refusals: Sequence[str] = (),
    seed: int = 0,
) -> list[Term]:
    """Encode what `method` needs; its first term sets the length of an epoch.

    Raises:
        UserError: a set the method needs is empty, or refusals or alternate answers are needed
            and not given.
    """
    check_answers(method, forget, retain, refusals)
    terms: list[Term] = []
    for name, objective, weight, examples in _summands(method, forget, retain):
        encoded: dict[str, list[Encoded]] = {}
        for answer in objective.answers:
            answered = examples
            if answer == REFUSAL:
                answered = _with_refusals(examples, refusals, seed)
            elif answer == ALTERNATE:
                answered = [Example(one.question, str(one.alternate)) for one in examples]
            encoded[answer] = encoder.encode_all(answered)
        terms.append(Term(name, objective, weight, encoded))
    return terms


def check_answers(
    method: Method,
    forget: Sequence[Example],
    retain: Sequence[Example],
    refusals: Sequence[str] = (),
) -> None:
    """Make sure that the sets have what `method` trains on.

    Raises:
        UserError: see `build_terms`.
    """
    for name, objective, _, examples in _summands(method, forget, retain):
        if not examples:
            raise UserError(f"the {name} set is empty, and {method.title} needs it.")
        if REFUSAL in objective.answers:
            if not refusals:
                raise UserError(
                    "IDK needs refusals: give a text file, one a line, with ``refusals``."
                )
            if any(example.question is None for example in examples):
                raise UserError("IDK answers questions with refusals; plain text has no questions.")
        for example in examples if ALTERNATE in objective.answers else ():
            if example.question is None:
                raise UserError(
                    "AltPO prefers another answer; plain text has no questions to answer."
                )
            if example.alternate is None:
                raise UserError(
                    f"AltPO needs an alternate answer to {example.question!r:.80}, and this set "
                    "has none: give a forget file with a column of them, by ``forget`` and "
                    "``alternate_column``."
                )


def _summands(
    method: Method, forget: Sequence[Example], retain: Sequence[Example]
) -> Iterator[tuple[str, Objective, float, Sequence[Example]]]:
    """Yield the summands of the loss: name, objective, weight and examples."""
    if method.forget is not None:
        yield FORGET, method.forget, method.forget_weight, forget
    if method.retain is not None:
        yield RETAIN, method.retain, method.retain_weight, retain


def count_truncated_answers(terms: Sequence[Term]) -> int:
    """Count the sequences whose answer the length limit shortened."""
    return sum(count_truncated(encoded) for term in terms for encoded in term.encoded.values())


def _with_refusals(
    examples: Sequence[Example], refusals: Sequence[str], seed: int
) -> list[Example]:
    """Give every question one refusal, drawn once, so that its reference can be computed once."""
    draw = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(refusals), (len(examples),), generator=draw).tolist()
    return [
        Example(example.question, refusals[index])
        for example, index in zip(examples, drawn, strict=True)
    ]


FILLER = -1
"""An index that stands for no example, where processes would otherwise get unlike counts."""


class PairedDataset(Dataset[tuple[int, ...]]):
    """Row numbers, one per term: the first term's own, paired with rows of the other terms in turn.

    The other terms walk through permutations of their sets, going on from epoch to epoch: every
    row is met once before any is met again, and no first row always meets the same partner. What
    is met depends on the seed, the epoch and the index alone, so neither on the number of
    processes nor on where a run was resumed.
    """

    def __init__(self, terms: Sequence[Term], seed: int):
        self.lengths = [len(term) for term in terms]
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.lengths[0]

    def __getitem__(self, index: int) -> tuple[int, ...]:
        if index == FILLER:
            return ()
        step = self.epoch * len(self) + index
        return (
            index,
            *(
                _permutation(self.seed, term, step // length, length)[step % length]
                for term, length in enumerate(self.lengths[1:], 1)
            ),
        )


@lru_cache(maxsize=8)
def _permutation(seed: int, term: int, pass_number: int, length: int) -> list[int]:
    order: list[int] = np.random.default_rng([seed, term, pass_number]).permutation(length).tolist()
    return order


class PairedBatch(Batch):
    """The rows of all terms and answers, and which they are."""

    rows: Int[Tensor, "batch terms"]
    """Each term's row numbers."""
    examples: int


class Collator:
    """Puts the rows of all terms and answers into one padded batch, for one forward pass."""

    def __init__(self, terms: Sequence[Term]):
        self.terms = terms

    def __call__(self, pairs: Sequence[tuple[int, ...]]) -> PairedBatch:
        """Return the batch.

        Fillers are left out. A batch of nothing else holds a row and counts 0 examples, since a
        process without a forward pass would leave the others waiting.
        """
        real = [pair for pair in pairs if pair]
        pairs = real or [(0,) * len(self.terms)]
        encoded = [
            rows[pair[number]]
            for number, term in enumerate(self.terms)
            for rows in term.encoded.values()
            for pair in pairs
        ]
        rows: Tensor = torch.tensor(pairs)
        return {**pad(encoded), "rows": rows, "examples": len(real)}
