"""Pretraining and unlearning against plain torch."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from simnpo.methods.registry import build_method
from simnpo.paper.markov import training
from simnpo.paper.markov.distance import as_batch, distances
from simnpo.paper.markov.model import new_model
from simnpo.paper.markov.panels import PANELS, PanelData, Size, panel_data

SIZE = Size(retain=40, forget=20)


@pytest.fixture(scope="module")
def data() -> PanelData:
    return panel_data(PANELS["short"], 3, SIZE)


def token_logprobs(model: Any, states: Tensor) -> Tensor:
    logits = model(states[None, :-1]).logits[0]
    return logits.log_softmax(-1)[torch.arange(len(states) - 1), states[1:]]


def test_the_model_is_the_papers_gpt2() -> None:
    model = new_model(0)
    assert type(model).__name__ == "GPT2LMHeadModel"
    config = model.config
    assert (config.n_layer, config.n_head, config.n_embd, config.vocab_size) == (4, 4, 128, 10)
    assert model.transformer.h[0].mlp.c_fc.weight.shape == (128, 512)
    weights, again, other = (new_model(seed).transformer.wte.weight for seed in (0, 0, 1))
    assert weights.equal(again) and not weights.equal(other)


def test_pretraining_is_plain_cross_entropy_over_tokens(data: PanelData) -> None:
    """One batch of both lengths: each token counts the same, whatever its sequence's length."""
    model, plain = new_model(0), new_model(0)
    counted: list[int] = []
    training.pretrain(model, [data.retain.train, data.forget2.train], 1, 0, counted.append)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=5e-4, weight_decay=0)
    sequences = [*data.retain.train, *data.forget2.train]
    torch.cat([token_logprobs(plain, one) for one in sequences]).mean().neg().backward()
    optimizer.step()
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        # AdamW's first step is the gradient's sign: it may differ where the gradient is rounding.
        assert (one - other).abs().mean() < 1e-6 and (one - other).abs().max() < 2e-4
    assert counted == [3 * (32 * 19 + 16 * 4)]


@pytest.mark.parametrize("name", ["npo", "simnpo", "ga", "grad_diff", "weighted_grad_diff"])
def test_unlearning_is_the_plain_formula(data: PanelData, name: str) -> None:
    """Two iterations, on the batches that a loop over sequences scores one by one."""
    beta = {"npo": {"beta": 0.2}, "simnpo": {"beta": 4.0}}.get(name, {})
    model = new_model(1)
    plain, original = copy.deepcopy(model), copy.deepcopy(model)
    path = training.unlearn(model, build_method(name, **beta), data, 2, 5, lambda steps: None)
    forget = [*data.forget1.train, *data.forget2.train]
    optimizer = torch.optim.AdamW(plain.parameters(), lr=5e-4, weight_decay=0)
    draws = [training._permuted(len(rows), [5, n]) for n, rows in enumerate([forget, range(32)])]
    for reached in path:
        terms = []
        for row in next(draws[0]):
            logps = token_logprobs(plain, forget[row])
            logp, length = logps.sum(), len(logps)
            if name == "npo":
                with torch.no_grad():
                    reference = token_logprobs(original, forget[row]).sum()
                terms.append(2 / 0.2 * (1 + (0.2 * (logp - reference)).exp()).log())
            elif name == "simnpo":
                terms.append(2 / 4 * (1 + (4 * logp / length).exp()).log())
            else:
                terms.append(logp / length if name == "weighted_grad_diff" else logp)
        loss = torch.stack(terms).mean()
        if name != "ga":
            kept = [token_logprobs(plain, data.retain.train[row]) for row in next(draws[1])]
            loss = loss - torch.stack([logps.mean() for logps in kept]).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        assert reached == pytest.approx(distances(plain, data), abs=2e-4)
    before = distances(original, data)
    assert max(abs(a - b) for a, b in zip(path[-1], before, strict=True)) > 1e-3


def test_batches_meet_every_row_before_any_again() -> None:
    draws = training._permuted(10, [0])
    batches = [next(draws).tolist() for _ in range(4)]
    assert sorted(batches[0] + batches[1]) == sorted(batches[2] + batches[3]) == list(range(10))


def test_short_sequences_are_padded_and_not_scored(data: PanelData) -> None:
    stacked = training._stack(data.forget1.train, data.forget2.train)
    assert stacked["input_ids"].shape == (32, 20)
    assert stacked["answer_mask"].sum(-1).tolist() == [19] * 16 + [4] * 16
    assert not as_batch(data.retain.train)["answer_mask"][:, 0].any()
