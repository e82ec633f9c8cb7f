"""Pairing: every retain row once before any again, whatever the process or the resumption."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simnpo.data.encoding import Encoded
from simnpo.methods.nll import NLL
from simnpo.training.terms import PairedDataset, Term


def term(name: str, count: int) -> Term:
    return Term(name, NLL(), 1.0, {"answer": [Encoded((0, 1, 2), 1)] * count})


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 3))
def test_retain_rows_come_in_whole_permutations(forget: int, retain: int, seed: int) -> None:
    pairs = PairedDataset([term("forget", forget), term("retain", retain)], seed)
    met = []
    for epoch in range(2 * retain):
        pairs.epoch = epoch
        rows = [pairs[index] for index in range(len(pairs))]
        assert [row[0] for row in rows] == list(range(forget))
        met += [row[1] for row in rows]
    for start in range(0, len(met) - retain + 1, retain):
        assert sorted(met[start : start + retain]) == list(range(retain))


def test_a_forget_row_meets_different_partners() -> None:
    pairs = PairedDataset([term("forget", 10), term("retain", 50)], seed=0)
    partners = []
    for epoch in range(5):
        pairs.epoch = epoch
        partners.append(pairs[3][1])
    assert len(set(partners)) == 5


def test_the_seed_decides() -> None:
    def rows(seed: int) -> list[tuple[int, ...]]:
        pairs = PairedDataset([term("forget", 9), term("retain", 40)], seed)
        return [pairs[index] for index in range(9)]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_refusals_are_drawn_by_seed(tokenizer: Any, examples: Any) -> None:
    from simnpo.data.encoding import Encoder
    from simnpo.methods.registry import METHODS
    from simnpo.training.terms import build_terms

    refusals = [f"No {word}." for word in "abcdefgh"]
    encoder = Encoder(tokenizer)

    def drawn(seed: int) -> list[Encoded]:
        terms = build_terms(METHODS["idk"], examples, examples, encoder, refusals, seed)
        return terms[0].encoded["refusal"]

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)
    with pytest.raises(ValueError, match="plain text has no questions"):
        texts = [example._replace(question=None) for example in examples]
        build_terms(METHODS["idk"], texts, examples, encoder, refusals)
