"""Fused log-probs and divergences against plain versions that keep every logit."""

from contextlib import nullcontext
from typing import Any

import pytest
import tiny_models
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from simnpo.data.batching import Batch, pad
from simnpo.data.encoding import Encoded
from simnpo.forward import fused
from simnpo.forward.answer_tokens import answer_logits
from simnpo.forward.divergences import answer_divergences
from simnpo.forward.fused import LogitTransform, linear_logprobs
from simnpo.forward.lm_head import output_head, probe_lm_head
from simnpo.forward.logprobs import answer_logprobs
from simnpo.methods.ceu import CEU
from simnpo.methods.kl import KL, kl_per_token
from simnpo.methods.rkld import RKLD

AFTER = [LogitTransform(), LogitTransform(0.25), LogitTransform(1.0, 5.0), LogitTransform(2.0, 3.0)]


class OddLinear(nn.Linear):
    """A linear layer by another name, as adapters on the head are: it cannot be fused."""


def make_head_odd(model: Any) -> None:
    odd = OddLinear(model.lm_head.in_features, model.lm_head.out_features, bias=False)
    odd.weight = model.lm_head.weight
    model.lm_head = odd


@given(
    tokens=st.integers(0, 20),
    width=st.integers(1, 12),
    vocabulary=st.integers(1, 40),
    rows=st.integers(1, 25),
    after=st.sampled_from(AFTER),
    with_bias=st.booleans(),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_values_and_gradients_in_float32(
    tokens: int,
    width: int,
    vocabulary: int,
    rows: int,
    after: LogitTransform,
    with_bias: bool,
    seed: int,
) -> None:
    """Any shape, in chunks of `rows` tokens, against autograd over all logits at once."""
    torch.manual_seed(seed)
    leaves = [torch.randn(tokens, width), torch.randn(vocabulary, width) / width**0.5]
    leaves += [torch.randn(vocabulary)] if with_bias else []
    targets = torch.randint(vocabulary, (tokens,))
    weights = torch.randn(tokens)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "CHUNK", rows * vocabulary)
        ours = [leaf.clone().requires_grad_() for leaf in leaves]
        said = linear_logprobs(ours[0], ours[1], ours[2] if with_bias else None, targets, after)
        (said.logprobs * weights).sum().backward()
    plain = [leaf.clone().requires_grad_() for leaf in leaves]
    logits = after.apply(nn.functional.linear(plain[0], plain[1], plain[2] if with_bias else None))
    expected = logits.log_softmax(-1).gather(-1, targets[:, None]).squeeze(-1)
    (expected * weights).sum().backward()
    torch.testing.assert_close(said.logprobs, expected, rtol=1e-5, atol=1e-5)
    assert said.first_choice.equal(logits.argmax(-1) == targets)
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [3, 100])
@pytest.mark.parametrize("autocast", [False, True])
def test_bfloat16_to_its_own_rounding(
    rows: int, autocast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against float64 on the same rounded inputs: 1 % of a gradient's norm, log-probs to 0.02."""
    torch.manual_seed(0)
    monkeypatch.setattr(fused, "CHUNK", rows * 50)
    hidden, weight = torch.randn(20, 16).bfloat16(), (torch.randn(50, 16) / 4).bfloat16()
    targets, weights = torch.randint(50, (20,)), torch.randn(20)
    ours = [one.float() if autocast else one.clone() for one in (hidden, weight)]
    ours = [one.requires_grad_() for one in ours]
    with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
        said = linear_logprobs(*ours, None, targets, LogitTransform())
    assert said.logprobs.dtype == torch.float32
    (said.logprobs * weights).sum().backward()  # outside autocast, as the Trainer does
    exact = [one.double().requires_grad_() for one in (hidden, weight)]
    expected = (exact[0] @ exact[1].T).log_softmax(-1).gather(-1, targets[:, None])[:, 0]
    (expected * weights).sum().backward()
    torch.testing.assert_close(said.logprobs.double(), expected, rtol=0, atol=0.02)
    for one, other in zip(ours, exact, strict=True):
        assert one.grad.dtype == one.dtype
        assert (one.grad.double() - other.grad).norm() < 0.01 * other.grad.norm()


def test_no_more_than_a_chunk_of_logits_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing as large as `tokens x vocabulary` is made, forward or backward."""
    tokens, width, vocabulary = 64, 4, 1000
    monkeypatch.setattr(fused, "CHUNK", 8 * vocabulary)
    hidden = torch.randn(tokens, width, requires_grad=True)
    weight = torch.randn(vocabulary, width, requires_grad=True)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
            nonlocal largest
            made = function(*args, **(kwargs or {}))
            if isinstance(made, Tensor):
                largest = max(largest, made.numel())
            return made

    with Watch():
        said = linear_logprobs(
            hidden, weight, None, torch.randint(vocabulary, (tokens,)), LogitTransform()
        )
        said.logprobs.sum().backward()
    assert largest == 8 * vocabulary


def test_what_comes_after_a_head_is_found(make_llama: Any) -> None:
    ids = torch.arange(2, 12)[None]
    for model, after in (
        (make_llama(), LogitTransform()),
        (tiny_models.gpt2(), LogitTransform()),
        (tiny_models.gemma2(), LogitTransform(1.0, 3.0)),
        (tiny_models.granite(), LogitTransform(0.125)),
        (tiny_models.cohere(), LogitTransform(0.0625)),
    ):
        assert probe_lm_head(model, output_head(model), ids).after == after


def test_a_head_that_is_unclear_falls_back_and_says_why(
    llama: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = pad([Encoded((0, 5, 9, 7, 30, 1), 2), Encoded((0, 11, 1), 2)])
    expected = answer_logprobs(llama, batch)
    original = type(llama).forward

    def shifted(self: Any, **inputs: Any) -> Any:
        output = original(self, **inputs)
        output.logits = output.logits - output.logits.square() * 0.1
        return output

    monkeypatch.setattr(type(llama), "forward", shifted)
    other = type(llama)(llama.config)
    other.load_state_dict(llama.state_dict())
    said = answer_logprobs(other, batch)
    assert (
        "whole logits are kept: LlamaForCausalLM does something unknown" in capsys.readouterr().err
    )
    logits = answer_logits(other, batch)
    torch.testing.assert_close(
        said.logprobs[said.mask], logits.token_logprobs().logprobs, rtol=1e-6, atol=1e-6
    )
    assert not torch.allclose(said.logprobs, expected.logprobs)
    answer_logprobs(other, batch)
    assert not capsys.readouterr().err  # once


def test_a_soft_cap_that_hardly_shows_is_found() -> None:
    model = tiny_models.gemma2().bfloat16()
    with torch.no_grad():
        model.lm_head.weight.mul_(0.01)  # logits so small that the cap of 3 changes no digit
    ids = torch.arange(2, 12)[None]
    assert probe_lm_head(model, output_head(model), ids).after == LogitTransform(1.0, 3.0)


@pytest.mark.parametrize("way", ["twice", "padded"])
def test_a_head_of_another_use_falls_back(
    llama: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    """It also predicts a second token, or the model cuts a padded vocabulary off its logits."""
    batch = pad([Encoded((0, 5, 9, 7, 30, 1), 2), Encoded((0, 11, 1), 2)])
    other = type(llama)(llama.config).eval()
    other.load_state_dict(llama.state_dict())
    original = type(llama).forward

    def changed(self: Any, **inputs: Any) -> Any:
        output = original(self, **inputs)
        if way == "twice":
            self.lm_head(torch.zeros(1, 1, llama.config.hidden_size))
        else:
            output.logits = output.logits[..., :350]
        return output

    monkeypatch.setattr(type(llama), "forward", changed)
    said = answer_logprobs(other, batch)
    reason = {"twice": "the LM head runs 2 times", "padded": "another shape"}[way]
    assert reason in capsys.readouterr().err
    with torch.no_grad():
        whole = other(input_ids=batch["input_ids"]).logits.log_softmax(-1)
    expected = whole[:, :-1].gather(-1, batch["input_ids"][:, 1:, None]).squeeze(-1)
    torch.testing.assert_close(said.logprobs[said.mask], expected[said.mask], rtol=1e-5, atol=1e-5)


def test_an_adapted_head_falls_back(llama: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import peft

    config = peft.LoraConfig(r=2, target_modules=["lm_head"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(llama, config)
    batch = pad([Encoded((0, 5, 9, 7, 30, 1), 2)])
    said = answer_logprobs(model, batch)
    assert "the LM head is a Linear, not a plain linear layer" in capsys.readouterr().err
    said.logprobs.sum().backward()
    assert any(
        "lm_head" in name and parameter.grad is not None
        for name, parameter in model.named_parameters()
    )


def lengths_batch(*lengths: int) -> Batch:
    torch.manual_seed(0)
    rows = [tuple(torch.randint(2, 300, (length,)).tolist()) for length in lengths]
    return pad([Encoded(row, max(1, len(row) // 2)) for row in rows])


@pytest.mark.parametrize("chunk", [2**24, 4 * 400 * 3])
@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_divergences_against_whole_distributions(
    name: str, chunk: int, make_llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "CHUNK", chunk)
    make = make_llama if name == "llama" else tiny_models.gemma2
    model, frozen = make(), make()
    with torch.no_grad():
        for parameter in frozen.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    batch = lengths_batch(12, 5, 9)
    found = answer_divergences(model, [nullcontext(frozen)], batch, KL().divergence)
    found.divergences.sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    assert all(parameter.grad is None for parameter in frozen.parameters())
    model.zero_grad()
    own, kept = (answer_logits(one, batch) for one in (model, frozen))
    expected = kl_per_token(own.log_distributions(), kept.log_distributions().detach())
    expected.sum().backward()
    torch.testing.assert_close(found.divergences[found.mask], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        found.logprobs[found.mask], own.token_logprobs().logprobs, rtol=1e-5, atol=1e-5
    )
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("chunk", [2**24, 4 * 400 * 3])
def test_divergences_from_the_model_itself(
    chunk: int, make_llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target is made of the same hidden states, without gradient and of each token's own."""
    monkeypatch.setattr(fused, "CHUNK", chunk)
    model, batch = make_llama(), lengths_batch(12, 5, 9)
    found = answer_divergences(model, [], batch, CEU().divergence)
    found.divergences.sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    own = answer_logits(model, batch)
    without = own.logits.detach().scatter(-1, own.targets[:, None], -torch.inf)
    expected = torch.nn.functional.cross_entropy(own.logits, without.softmax(-1), reduction="none")
    expected.sum().backward()
    torch.testing.assert_close(found.divergences[found.mask], expected, rtol=1e-5, atol=1e-5)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("chunk", [2**24, 5 * 400 * 3])
@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_a_reference_made_of_two_models_against_whole_distributions(
    name: str, chunk: int, make_llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "CHUNK", chunk)
    make = make_llama if name == "llama" else tiny_models.gemma2
    model, original, reinforced = make(), make(), make()
    torch.manual_seed(1)
    with torch.no_grad():
        for frozen in (original, reinforced):
            for parameter in frozen.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.05)
    batch, objective = lengths_batch(12, 5, 9), RKLD(alpha=2.0)
    seen: list[int] = []

    def compose(*logits: Tensor) -> Tensor:
        seen.append(len(logits[0]))
        return objective.reference_logits(*logits)

    contexts = [nullcontext(original), nullcontext(reinforced)]
    found = answer_divergences(model, contexts, batch, objective.divergence, compose=compose)
    found.divergences.sum().backward()
    assert max(seen) <= chunk // 400 // 5
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    frozen_parameters = [*original.parameters(), *reinforced.parameters()]
    assert all(parameter.grad is None for parameter in frozen_parameters)
    model.zero_grad()
    own, old, strong = (answer_logits(one, batch).logits for one in (model, original, reinforced))
    teacher = (old - 2.0 * (strong - old).clamp(min=0)).detach().log_softmax(-1)
    current = own.log_softmax(-1)
    expected = nn.functional.kl_div(teacher, current, reduction="none", log_target=True).sum(-1)
    expected.sum().backward()
    torch.testing.assert_close(found.divergences[found.mask], expected, rtol=1e-5, atol=1e-5)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-4)


def test_one_frozen_head_that_cannot_be_fused_changes_nothing(
    make_llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, original, reinforced = make_llama(0), make_llama(1), make_llama(2)
    batch, objective = lengths_batch(7, 3), RKLD()

    def divergences() -> Tensor:
        return answer_divergences(
            model,
            [nullcontext(original), nullcontext(reinforced)],
            batch,
            objective.divergence,
            compose=objective.reference_logits,
        ).divergences

    fused_all = divergences()
    make_head_odd(reinforced)
    torch.testing.assert_close(divergences(), fused_all, rtol=1e-5, atol=1e-5)
