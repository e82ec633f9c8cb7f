"""General ability: KL from the original on its own answers, against a plain softmax."""

import copy
import math
import re
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import bloom, cohere, gemma2, gpt2, granite, lfm2

from simnpo.benchmarks.general_prompts import PROMPTS
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.evaluation import general
from simnpo.evaluation.decoding import greedy
from simnpo.evaluation.general import general_ability, reference_answers
from simnpo.evaluation.general_reference import GeneralReference
from simnpo.forward import fused
from simnpo.forward.divergences import outcome_kl, outcomes
from simnpo.forward.lm_head import HeadProbe
from simnpo.models.precision import run_mixed

ASKED = ("Why?", "What is 2 plus 2, and what is 3 plus 3?", "Name a colour.")


@pytest.fixture
def encoder(tokenizer: Any) -> Encoder:
    return Encoder(tokenizer, "plain")


def plain_kl(original: Any, model: Any, reference: GeneralReference) -> list[float]:
    """Return KL(original || model) over the whole vocabulary, one prompt at a time."""
    found = []
    for one in reference.encoded:
        ids = torch.tensor([one.ids])
        with torch.no_grad():
            p, q = (
                m(ids).logits[0, one.start - 1 : -1].double().log_softmax(-1)
                for m in (original, model)
            )
        found.append(float((p.exp() * (p - q)).sum(-1).mean()))
    return found


def test_there_are_64_prompts_of_our_own() -> None:
    assert len(PROMPTS) == len(set(PROMPTS)) == 64
    assert all(prompt == prompt.strip() and len(prompt) < 100 for prompt in PROMPTS)
    # Nothing that looks like what is to be forgotten: identifiers, or two names in a row.
    private = re.compile(r"\d{4}|@|://|(?<!^)(?<![.:?] )[A-Z][a-z]+ [A-Z][a-z]+")
    assert not [prompt for prompt in PROMPTS if private.search(prompt)]


def test_divergence_by_hand() -> None:
    original = torch.tensor([[0.5, 0.25, 0.25]]).log()
    model = torch.tensor([[0.25, 0.5, 0.25]]).log()
    assert float(outcome_kl(original, model)) == pytest.approx(0.25 * math.log(2))
    certain, impossible = (torch.tensor([row]).log() for row in ([1.0, 0.0], [0.0, 1.0]))
    assert float(outcome_kl(certain, certain)) == 0
    assert float(outcome_kl(certain, impossible)) == math.inf


def test_outcomes_by_hand() -> None:
    logits = torch.tensor([[0.1, 0.4, 0.2, 0.3]]).log() + 5
    found = outcomes(logits, torch.tensor([[1, 3]])).exp()
    torch.testing.assert_close(found, torch.tensor([[0.4, 0.3, 0.3]]))
    everything = outcomes(logits, torch.tensor([[1, 3, 2, 0]])).exp()
    torch.testing.assert_close(everything, torch.tensor([[0.4, 0.3, 0.2, 0.1, 0.0]]))


@pytest.mark.parametrize("make", [gpt2, gemma2, bloom])
def test_with_all_tokens_kept_it_is_the_whole_kl(make: Callable[[], Any], encoder: Encoder) -> None:
    original, model = make().eval(), make().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    reference = reference_answers(original, encoder, ASKED, max_new_tokens=5, kept=10**6)
    found = general_ability(model, reference)
    assert found.kl.tolist() == pytest.approx(plain_kl(original, model, reference), rel=1e-3)
    assert found.ability == pytest.approx(math.exp(-float(found.kl.mean())))


def test_fewer_tokens_kept_never_show_more(make_llama: Any, encoder: Encoder) -> None:
    original, model = make_llama(0), make_llama(1)
    values = []
    for kept in (1, 8, 64, 10**6):
        reference = reference_answers(original, encoder, ASKED, max_new_tokens=5, kept=kept)
        values.append(general_ability(model, reference).mean_kl)
    assert values == sorted(values) and values[0] > 0


@pytest.mark.parametrize("make", [gpt2, gemma2, bloom, granite, cohere, lfm2])
def test_the_original_keeps_everything(make: Callable[[], Any], encoder: Encoder) -> None:
    model = make()
    reference = reference_answers(model, encoder, ASKED, max_new_tokens=5)
    found = general_ability(model, reference, tokens_per_batch=1)
    assert found.mean_kl == pytest.approx(0, abs=1e-9) and found.agreement == 1
    assert found.ability == pytest.approx(1, abs=1e-9)


def test_answers_are_greedy_and_end_where_the_model_ends_them(
    llama: Any, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = reference_answers(llama, encoder, ASKED, max_new_tokens=5)
    prompts = [encoder.prompt(prompt) for prompt in ASKED]
    expected = greedy(llama, prompts, 5, frozenset({encoder.template.end_id}))
    assert [list(one.ids[one.start :]) for one in reference.encoded] == expected
    assert reference.choices[:, 0].tolist() == [token for one in expected for token in one]
    assert list(reference.answers) == [encoder.tokenizer.decode(one).strip() for one in expected]
    # The end is one more token of an answer, and only of those that end by themselves.
    stop = expected[1][2]
    monkeypatch.setattr(llama.generation_config, "eos_token_id", stop)
    cut = [list(takewhile(lambda token: token != stop, one)) for one in expected]
    ended = reference_answers(llama, encoder, ASKED, max_new_tokens=5)
    assert [list(one.ids[one.start :]) for one in ended.encoded] == [
        one if len(one) == 5 else [*one, encoder.template.end_id] for one in cut
    ]
    found = general_ability(llama, ended)
    assert found.tokens.tolist() == [min(5, len(one) + 1) for one in cut]
    assert found.agreement == 1


def test_what_a_model_lost_is_seen_by_prompt_and_by_token(llama: Any, encoder: Encoder) -> None:
    reference = reference_answers(llama, encoder, ASKED, max_new_tokens=5)
    changed = copy.deepcopy(llama)
    with torch.no_grad():
        changed.get_output_embeddings().weight.neg_()
    found = general_ability(changed, reference)
    assert found.agreeing.tolist() == [0, 0, 0] and found.tokens.tolist() == [5, 5, 5]
    assert (found.kl > 1).all() and found.ability < 0.4


def test_a_head_that_cannot_be_fused_gives_the_same(
    make_llama: Any, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, model = make_llama(0), make_llama(1)
    reference = reference_answers(original, encoder, ASKED, max_new_tokens=5)
    expected = general_ability(model, reference)
    monkeypatch.setattr(general, "probe_lm_head", lambda *_: HeadProbe(None, "a test"))
    for chunk in (1000, 2**24):
        monkeypatch.setattr(fused, "CHUNK", chunk)
        again = reference_answers(original, encoder, ASKED, max_new_tokens=5)
        torch.testing.assert_close(again.logprobs, reference.logprobs)
        found = general_ability(model, again)
        torch.testing.assert_close(found.kl, expected.kl, rtol=1e-5, atol=0)
        assert found.agreeing.tolist() == expected.agreeing.tolist()


@pytest.mark.parametrize("chunk", [1, 1000])
def test_chunks_change_nothing(
    make_llama: Any, encoder: Encoder, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, model = make_llama(0), make_llama(1)
    reference = reference_answers(original, encoder, ASKED, max_new_tokens=5)
    expected = general_ability(model, reference)
    monkeypatch.setattr(fused, "CHUNK", chunk)
    found = general_ability(model, reference_answers(original, encoder, ASKED, max_new_tokens=5))
    torch.testing.assert_close(found.kl, expected.kl, rtol=1e-5, atol=0)


def test_adapters_in_place(make_llama: Any, encoder: Encoder) -> None:
    original = make_llama()
    reference = reference_answers(original, encoder, ASKED, max_new_tokens=5, kept=10**6)
    adapted = get_peft_model(
        copy.deepcopy(original), LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    ).eval()
    found = general_ability(adapted, reference)
    assert found.kl.tolist() == pytest.approx(plain_kl(original, adapted, reference), rel=1e-3)
    with adapted.disable_adapter():
        assert general_ability(adapted, reference).ability == pytest.approx(1, abs=1e-9)


def test_mixed_precision_compares_with_itself_only(llama: Any, encoder: Encoder) -> None:
    exact = reference_answers(llama, encoder, ASKED, max_new_tokens=5)
    run_mixed(llama)
    assert 1e-7 < general_ability(llama, exact).mean_kl < 1e-2
    own = reference_answers(llama, encoder, ASKED, max_new_tokens=5)
    assert own.logprobs.dtype == torch.float32
    assert general_ability(llama, own).mean_kl == pytest.approx(0, abs=1e-9)


def test_batches_change_nothing(make_llama: Any, encoder: Encoder) -> None:
    original, model = make_llama(0), make_llama(1)
    reference = reference_answers(original, encoder, ASKED, max_new_tokens=5)
    together, alone = (general_ability(model, reference, size) for size in (10**6, 1))
    assert together.kl.tolist() == pytest.approx(alone.kl.tolist(), rel=1e-4)


def test_a_file_holds_all_of_it(llama: Any, encoder: Encoder, tmp_path: Path) -> None:
    reference = reference_answers(llama, encoder, ASKED, max_new_tokens=5)
    reference.save(tmp_path / "general.safetensors")
    read = GeneralReference.load(tmp_path / "general.safetensors")
    assert read._replace(choices=reference.choices, logprobs=reference.logprobs) == reference
    assert torch.equal(read.choices, reference.choices)
    assert torch.equal(read.logprobs, reference.logprobs)


def test_a_broken_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "general.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read"):
        GeneralReference.load(path)


def test_prompts_beyond_the_positions_are_refused(make_llama: Any, encoder: Encoder) -> None:
    with pytest.raises(UserError, match="positions"):
        reference_answers(make_llama(max_position_embeddings=16), encoder, ASKED)


def test_another_tokenizer_or_template_is_refused(llama: Any, encoder: Encoder) -> None:
    reference = reference_answers(llama, encoder, ASKED, max_new_tokens=5)
    reference.check(encoder)
    with pytest.raises(UserError, match="'llama2' makes other prompts"):
        reference.check(Encoder(encoder.tokenizer, "llama2"))
    with pytest.raises(UserError, match="another tokenizer"):
        reference._replace(vocabulary="0").check(encoder)


def test_a_smaller_vocabulary_is_refused(llama: Any, make_llama: Any, encoder: Encoder) -> None:
    reference = reference_answers(llama, encoder, ASKED, max_new_tokens=5, kept=10**6)
    with pytest.raises(UserError, match="the model knows only 300"):
        general_ability(make_llama(vocab_size=300), reference)
