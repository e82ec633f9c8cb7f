"""Answer log-probabilities against a plain version that keeps all logits and shifts by hand."""

from collections.abc import Callable
from typing import Any

import pytest
import tiny_models
import torch
from torch import Tensor, nn

from simnpo.data.batching import Batch, pad
from simnpo.data.encoding import Encoded
from simnpo.errors import UserError
from simnpo.forward import fused
from simnpo.forward.answer_tokens import answer_logits
from simnpo.forward.lm_head import output_head
from simnpo.forward.logprobs import answer_logprobs, answer_moments, scatter_to_rows, sum_logprobs
from simnpo.forward.passes import places_of

# Lengths differ, ids include 0 and 1 (pad and end) inside prompt and answer, one answer has one
# token, one starts right after the first.
SEQUENCES = [
    Encoded((0, 5, 1, 9, 7, 30, 1), 4),
    Encoded((0, 11, 1), 2),
    Encoded((8, 0, 1, 0, 44, 3, 17, 21, 9, 1), 1),
    Encoded((0, 2, 3, 4, 5, 6, 7, 8), 7),
]
ARCHITECTURES = ["llama", "tied llama", "gpt2", "gemma2", "bloom"]


@pytest.fixture(params=ARCHITECTURES)
def model(request: pytest.FixtureRequest, make_llama: Callable[..., Any]) -> Any:
    if "llama" in request.param:
        return make_llama(tie_word_embeddings=request.param.startswith("tied"))
    return getattr(tiny_models, request.param)()


def attention(batch: Batch) -> Tensor:
    """The mask that the model's users would give: 1 up to the end of each row's answer."""
    return batch["answer_mask"].flip(-1).long().cummax(-1).values.flip(-1)


def plain(model: Any, batch: Batch) -> Tensor:
    """Log-probabilities in rows of width time - 1, 0 outside the answers."""
    ids, mask = batch["input_ids"], batch["answer_mask"]
    logits = model(input_ids=ids, attention_mask=attention(batch), use_cache=False).logits
    logprobs = torch.log_softmax(logits[:, :-1].float(), dim=-1)
    chosen = torch.gather(logprobs, 2, ids[:, 1:, None])[:, :, 0]
    return torch.where(mask[:, 1:], chosen, 0.0)


def in_rows(model: Any, batch: Batch) -> Tensor:
    return answer_logprobs(model, batch).logprobs


def test_equal_to_the_plain_version(model: Any) -> None:
    batch = pad(SEQUENCES, 0)
    expected = plain(model, batch)
    torch.testing.assert_close(in_rows(model, batch), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sum_logprobs(model, batch), expected.sum(-1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 800, 2**24])
def test_moments_equal_the_plain_version(
    model: Any, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "CHUNK", chunk)
    batch = pad(SEQUENCES, 0)
    logits = model(input_ids=batch["input_ids"], attention_mask=attention(batch)).logits
    said = torch.log_softmax(logits[:, :-1].detach().double(), dim=-1)
    mean = (said.exp() * said).sum(-1)
    variance = (said.exp() * said**2).sum(-1) - mean**2
    mask = batch["answer_mask"][:, 1:]
    found = answer_moments(model, batch)
    for value, expected in ((found.mean, mean), (found.deviation, variance.sqrt())):
        torch.testing.assert_close(value, expected.where(mask, 0).float(), rtol=1e-5, atol=1e-5)
    alone = answer_logprobs(model, batch)
    torch.testing.assert_close(found.logprobs, alone.logprobs.detach(), rtol=1e-5, atol=1e-5)
    assert torch.equal(found.first_choice, alone.first_choice)
    assert not found.logprobs.requires_grad


def test_moments_by_hand_and_of_a_token_that_is_ruled_out() -> None:
    # Half, a quarter, a quarter: minus 1.5 log 2 on average, half of log 2 around it.
    log2 = torch.tensor(2.0).log()
    logits = torch.tensor([[0.0, -1.0, -1.0, -torch.inf]]) * log2
    for target, logprob in ((0, -log2), (1, -2 * log2)):
        found = fused.moments(logits.nan_to_num(neginf=-torch.inf), torch.tensor([target]))
        torch.testing.assert_close(found.logprobs[0], logprob)
        torch.testing.assert_close(found.mean[0], -1.5 * log2)
        torch.testing.assert_close(found.deviation[0], 0.5 * log2)


def test_logits_stand_row_after_row_and_only_for_answers(model: Any) -> None:
    batch = pad(SEQUENCES, 0)
    scored = answer_logits(model, batch)
    answers = [token for one in SEQUENCES for token in one.ids[one.start :]]
    assert scored.targets.tolist() == answers
    assert scored.logits.shape[0] == len(answers)
    assert scored.mask.sum(-1).tolist() == [one.answer_length for one in SEQUENCES]
    full = model(input_ids=batch["input_ids"], attention_mask=attention(batch)).logits
    expected = full[:, :-1][batch["answer_mask"][:, 1:]].log_softmax(-1)
    torch.testing.assert_close(scored.log_distributions(), expected, rtol=1e-5, atol=1e-5)


def test_gradients_equal_the_plain_versions(model: Any) -> None:
    batch = pad(SEQUENCES, 0)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0])
    gradients = []
    for rows in (in_rows, plain):
        model.zero_grad()
        (weights * rows(model, batch).sum(-1)).sum().backward()
        gradients.append({name: one.grad.clone() for name, one in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-3, atol=1e-4)
    assert any(gradient.abs().max() > 1e-2 for gradient in gradients[0].values())


@pytest.mark.parametrize("pad_id", [0, 1, 250])
def test_padding_and_the_batch_beside_a_row_change_nothing(model: Any, pad_id: int) -> None:
    together = sum_logprobs(model, pad(SEQUENCES, pad_id))
    alone = torch.cat([sum_logprobs(model, pad([one], pad_id)) for one in SEQUENCES])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_models_give_float32(llama: Any, dtype: torch.dtype) -> None:
    batch = pad(SEQUENCES, 0)
    model = llama.to(dtype)
    scored = answer_logits(model, batch)
    assert scored.logits.dtype == dtype
    logprobs = scored.token_logprobs().logprobs
    assert logprobs.dtype == scored.log_distributions().dtype == torch.float32
    assert sum_logprobs(model, batch).dtype == torch.float32
    # Exact in float32 from the model's own logits; a half-precision softmax is off by 1e-2.
    expected = scored.logits.double().log_softmax(-1).gather(-1, scored.targets[:, None])[:, 0]
    torch.testing.assert_close(logprobs.double(), expected, rtol=1e-6, atol=1e-5)


def test_one_token_worked_by_hand() -> None:
    class Bigram(nn.Module):
        """The logits after token t are row t of a table."""

        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Linear(3, 3, bias=False)
            # After 0 come probabilities 1/2, 1/4, 1/4; after 1 come 1/8, 1/8, 3/4.
            rows = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [1 / 3] * 3])
            self.table.weight.data = rows.log().T + 5  # a constant that the softmax takes away

        def get_output_embeddings(self) -> nn.Module:
            return self.table

        def forward(self, input_ids: Tensor, **_: Any) -> Any:
            one_hot = nn.functional.one_hot(input_ids, 3).float()
            return type("Output", (), {"logits": self.table(one_hot)})

    batch = pad([Encoded((0, 1, 2), 1), Encoded((1, 0, 1, 1), 3)], 2)
    expected = torch.tensor([[0.25, 0.75, 1.0], [1.0, 1.0, 0.125]]).log()
    torch.testing.assert_close(in_rows(Bigram(), batch), expected)


def test_no_gradient_is_kept_for_reference_sums(llama: Any) -> None:
    assert not sum_logprobs(llama, pad(SEQUENCES, 0)).requires_grad


def test_a_wrapped_model_takes_its_head_from_the_caller(llama: Any) -> None:
    class Wrapper(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, **inputs: Any) -> Any:
            return self.inner(**inputs)

    batch = pad(SEQUENCES, 0)
    scored = answer_logits(Wrapper(llama), batch, head=output_head(llama))
    torch.testing.assert_close(scored.logits, answer_logits(llama, batch).logits)


def test_the_model_is_left_as_it_was_even_after_an_error(
    llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = pad(SEQUENCES, 0)
    for score in (answer_logits, answer_logprobs):
        score(llama, batch)
        with monkeypatch.context() as patch:
            patch.setattr(llama.model.layers[0], "forward", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                score(llama, batch)
    logits = llama(input_ids=batch["input_ids"]).logits
    assert logits.shape[:2] == batch["input_ids"].shape


def test_a_model_without_a_head_is_refused(llama: Any) -> None:
    with pytest.raises(UserError, match=r"LlamaModel has no LM head"):
        output_head(llama.model)


def test_spread_puts_values_back_row_after_row() -> None:
    mask = torch.tensor([[False, True, True], [True, False, False]])
    rows = scatter_to_rows(torch.tensor([1.0, 2.0, 3.0]), places_of(mask), mask)
    assert rows.tolist() == [[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]]
