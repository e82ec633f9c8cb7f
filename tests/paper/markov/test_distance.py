"""The distance: exact for a model whose rows are known."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from simnpo.paper.markov.chains import FORGET1, RETAIN, STATES, Chain
from simnpo.paper.markov.distance import distances, mean_distance, transition_kl
from simnpo.paper.markov.model import new_model
from simnpo.paper.markov.panels import PANELS, Size, Split, panel_data


class KnownRows(nn.Module):
    """Predicts, after each state, the row of a given matrix."""

    def __init__(self, rows: Tensor):
        super().__init__()
        self.rows = nn.Embedding.from_pretrained(rows.log().float())
        self.head = nn.Linear(STATES, STATES, bias=False)
        self.head.weight.data = torch.eye(STATES)

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def forward(self, input_ids: Tensor, use_cache: bool) -> Any:
        class Output:
            logits = self.head(self.rows(input_ids))

        return Output


def split(chain: Chain, *states: int) -> Split:
    sequence = torch.tensor([states])
    return Split(chain, sequence, sequence)


UNIFORM = torch.full((STATES, STATES), 1 / STATES)
FROM_OWN = 0.8 * math.log(0.8 / 3 / 0.1) + 0.2 * math.log(0.2 / 7 / 0.1)
"""KL(a row of own states || uniform)."""


def test_the_truth_is_at_no_distance() -> None:
    model = KnownRows(RETAIN.transitions)
    assert mean_distance(model, split(RETAIN, 0, 1, 9, 2, 5)) == pytest.approx(0, abs=1e-6)


def test_a_uniform_model_by_hand() -> None:
    """After an own state the distance is FROM_OWN, after another 0; the last state counts not."""
    model = KnownRows(UNIFORM)
    assert mean_distance(model, split(RETAIN, 0, 9, 1)) == pytest.approx(FROM_OWN / 2, rel=1e-5)
    assert mean_distance(model, split(RETAIN, 0, 1, 2, 9)) == pytest.approx(FROM_OWN, rel=1e-5)
    assert mean_distance(model, split(FORGET1, 0, 1, 2, 3)) == pytest.approx(0, abs=1e-6)
    assert abs(FROM_OWN - 0.534111) < 1e-6


def test_another_chains_model_by_hand() -> None:
    """Forget1 seen by Retain's rows: 0.1 against 0.8/3 and 0.2/7, the other way round too."""
    inside = 0.8 * math.log(0.8 / 3 / 0.1) + 0.2 * math.log(0.2 / 7 / 0.1)
    outside = 0.3 * math.log(0.1 / (0.8 / 3)) + 0.7 * math.log(0.1 / (0.2 / 7))
    model = KnownRows(RETAIN.transitions)
    found = mean_distance(model, split(FORGET1, 3, 0, 4))
    assert found == pytest.approx((inside + outside) / 2, rel=1e-5)


def test_transition_kl_is_torchs() -> None:
    torch.manual_seed(0)
    log_q, states = torch.randn(40, STATES).log_softmax(-1), torch.randint(STATES, (40,))
    rows = FORGET1.transitions[states]
    expected = nn.functional.kl_div(log_q.double(), rows, reduction="none").sum(-1)
    torch.testing.assert_close(transition_kl(log_q, states, FORGET1), expected)


def test_distances_of_gpt2_sequence_by_sequence() -> None:
    """Batches and chunks change nothing; all three sets are measured, each by its own chain."""
    data = panel_data(PANELS["short"], 0, Size(retain=1000, forget=200))
    model = new_model(0)
    found = distances(model, data)
    for value, (chain, _, test) in zip(found, data, strict=True):
        each = []
        with torch.no_grad():
            for sequence in test:
                log_q = model(sequence[None]).logits[0, :-1].log_softmax(-1)
                each.append(transition_kl(log_q, sequence[:-1], chain))
        assert value == pytest.approx(float(torch.cat(each).mean()), rel=1e-5)
