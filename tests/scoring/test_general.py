"""General ability: KL from the original on its own answers, against a plain softmax."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import bloom, gemma2, gpt2

from simnpo.benchmarks.general_prompts import PROMPTS
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.scoring.general import general_ability, reference_answers
from simnpo.scoring.general_reference import GeneralReference

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
    assert all(prompt == prompt.strip() and len(prompt) < 200 for prompt in PROMPTS)


@pytest.mark.parametrize("make", [gpt2, gemma2, bloom])
def test_with_all_tokens_kept_it_is_the_whole_kl(make: Callable[[], Any], encoder: Encoder) -> None:
    original, model = make().eval(), make().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn_like(weight, generator=None))
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


def test_the_original_keeps_everything(llama: Any, encoder: Encoder) -> None:
    reference = reference_answers(llama, encoder, ASKED, max_new_tokens=5)
    found = general_ability(llama, reference)
    assert found.ability == pytest.approx(1, abs=1e-6) and found.agreement == 1


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
