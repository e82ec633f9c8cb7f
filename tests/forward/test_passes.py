"""The passes in which a batch goes through a model: packed, or rows of similar length together."""

from typing import Any

import pytest
import tiny_models
import torch
from count_operations import Operations
from hypothesis import given, settings
from hypothesis import strategies as st

from simnpo.data.batching import Batch, groups_of_similar_length, pad, rows_of
from simnpo.data.encoding import Encoded
from simnpo.forward import packing
from simnpo.forward.logprobs import answer_logprobs
from simnpo.forward.packing import can_pack, packed_attention, packed_step
from simnpo.forward.passes import one_pass, passes, places_of, shifted_mask
from simnpo.training.dropout import without_dropout

LENGTHS = (40, 3, 22, 38, 9, 2)


def lengths_batch(*lengths: int) -> Batch:
    torch.manual_seed(0)
    rows = [tuple(torch.randint(2, 300, (length,)).tolist()) for length in lengths]
    return pad([Encoded(row, max(1, len(row) // 2)) for row in rows])


def model_named(name: str, make_llama: Any) -> Any:
    return make_llama() if name == "llama" else getattr(tiny_models, name)()


def apart(batch: Batch) -> list[Batch]:
    """Return each row as a batch of its own."""
    return [rows_of(batch, [row], span.length) for row, span in enumerate(batch["spans"])]


@pytest.fixture
def never_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simnpo.forward.passes.can_pack", lambda model, longest: False)


@given(st.lists(st.integers(2, 60), min_size=1, max_size=30), st.sampled_from([1, 64, 1024]))
@settings(max_examples=60, deadline=None)
def test_groups_hold_every_row_once_at_its_own_width(lengths: list[int], least: int) -> None:
    batch = lengths_batch(*lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simnpo.data.batching.LEAST_TOKENS", least)
        patch.setattr("simnpo.forward.passes.can_pack", lambda model, longest: False)
        groups = groups_of_similar_length(lengths)
        made = passes(torch.nn.Linear(1, 1), batch)
    assert sorted(row for rows in groups for row in rows) == list(range(len(lengths)))
    for rows, one in zip(groups, made, strict=True):
        ids = one.ids
        assert ids.shape == (len(rows), max(lengths[row] for row in rows) - 1)
        if len(groups) > 1:
            for place, row in enumerate(rows):
                kept = batch["input_ids"][row, : lengths[row] - 1]
                assert ids[place, : lengths[row] - 1].equal(kept)
    if max(lengths) * len(lengths) <= least:
        assert len(groups) == 1
    assert torch.cat([one.grid for one in made]).sort().values.equal(places_of(shifted_mask(batch)))


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2", "bloom"])
def test_splitting_a_batch_changes_nothing(
    name: str, make_llama: Any, monkeypatch: pytest.MonkeyPatch, never_packed: None
) -> None:
    """Log-probs and gradients of rows that go through in groups, against one padded pass."""
    model = model_named(name, make_llama)
    batch = lengths_batch(*LENGTHS)
    whole = answer_logprobs(model, batch)
    whole.logprobs.sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    monkeypatch.setattr("simnpo.data.batching.LEAST_TOKENS", 1)
    assert len(passes(model, batch)) > 3
    split = answer_logprobs(model, batch)
    split.logprobs.sum().backward()
    torch.testing.assert_close(split.logprobs, whole.logprobs, rtol=1e-5, atol=1e-5)
    assert split.first_choice.equal(whole.first_choice) and split.mask.equal(whole.mask)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-4)


PACKED = ("llama", "gpt2")
KEPT_APART = ("gemma2", "bloom")
"""Attention that caps its scores, and positions that are not given (ALiBi)."""


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize(
    ("checkpointing", "blocks"), [(False, 1), (False, 3), (True, 3)], ids=["", "blocks", "again"]
)
def test_packed_equals_each_row_alone(
    name: str, checkpointing: bool, blocks: int, make_llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_named(name, make_llama).train()
    batch = lengths_batch(*LENGTHS)
    if blocks == 1:
        monkeypatch.setattr(packing, "MOST_PADDED", 100)
    (given,) = passes(model.eval(), batch)
    assert given.packed is not None and len(given.packed.layout.blocks) == blocks
    model.train()
    with without_dropout(model):
        alone = [answer_logprobs(model, row).logprobs[0] for row in apart(batch)]
        torch.cat(alone).sum().backward()
        gradients = [parameter.grad.clone() for parameter in model.parameters()]
        model.zero_grad()
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        with packed_step(model, max(LENGTHS)):
            assert one_pass(model, batch).packed
            found = answer_logprobs(model, batch)
            found.logprobs.sum().backward()
    for row, expected in zip(found.logprobs, alone, strict=True):
        torch.testing.assert_close(row[: len(expected)], expected, rtol=1e-5, atol=1e-5)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-5)


def test_rows_are_padded_together_unless_most_of_it_is_padding() -> None:
    assert packing._blocks([100, 60, 60]) == [[0, 1, 2]]
    assert packing._blocks([10, 100, 10, 50, 10]) == [[1, 3], [0, 2, 4]]


@pytest.mark.parametrize("name", [*PACKED, *KEPT_APART])
def test_what_cannot_be_packed_takes_padded_passes(name: str, make_llama: Any) -> None:
    model = model_named(name, make_llama)
    implementation = model.config._attn_implementation
    assert can_pack(model, 40) == (name in PACKED)
    assert model.config._attn_implementation == implementation
    batch = lengths_batch(*LENGTHS)
    found = answer_logprobs(model, batch)
    for row, one in zip(found.logprobs, apart(batch), strict=True):
        expected = answer_logprobs(model, one).logprobs[0]
        torch.testing.assert_close(row[: len(expected)], expected, rtol=1e-5, atol=1e-5)


def test_a_model_that_ignores_the_layout_is_found_out(llama: Any) -> None:
    forward = type(llama).forward

    class Deaf(type(llama)):  # type: ignore[misc]
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            kwargs.pop("simnpo_packed", None)
            return forward(self, *args, **kwargs)

    llama.__class__ = Deaf
    assert not can_pack(llama, 10)


def test_rows_beyond_a_window_are_padded(llama: Any) -> None:
    llama.config.sliding_window = 16
    assert can_pack(llama, 16) and not can_pack(llama, 17)


def test_no_packing_where_activations_would_be_made_again_without_it(llama: Any) -> None:
    llama.train().activation_checkpointing_enable({"use_reentrant": False})
    assert not can_pack(llama, 10)
    with torch.no_grad():
        assert can_pack(llama, 10)
    with packed_attention(llama):
        assert can_pack(llama, 10)


def test_a_packed_pass_takes_hardly_more_operations_than_a_padded_one(make_llama: Any) -> None:
    model = make_llama(num_hidden_layers=6)
    batch = lengths_batch(*(20 + 7 * row % 60 for row in range(32)))
    ids = batch["input_ids"]
    answer_logprobs(model, batch)  # the model and its head are tried once
    with Operations() as ours:
        answer_logprobs(model, batch).logprobs.sum().backward()
    with Operations() as plain:
        model(input_ids=ids, labels=ids).loss.backward()
    assert ours.count.total() <= 1.25 * plain.count.total()
