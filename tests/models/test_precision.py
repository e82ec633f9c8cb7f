"""One precision for a model wherever it runs: trained, scored, asked, or frozen as a reference."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from simnpo.config import Precision, TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.evaluation.decoding import greedy
from simnpo.methods.registry import build_method
from simnpo.models import load_model
from simnpo.models.precision import is_mixed, precision_of, run_mixed, weights_cast_once
from simnpo.system.notes import note_once
from simnpo.training.reference import reference_logps
from simnpo.training.run import TrainingData, train_model

IDS = torch.arange(2, 34).reshape(2, 16)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "mixed"])
def test_a_model_computes_in_the_precision_it_was_loaded_for(
    model_folder: Path, precision: Precision
) -> None:
    model: Any = load_model(str(model_folder), precision)
    assert precision_of(model) == precision
    assert model.dtype == (torch.bfloat16 if precision == "bf16" else torch.float32)
    plain: Any = load_model(str(model_folder), "bf16" if precision == "bf16" else "fp32")
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed"):
        expected = plain(IDS).logits
    assert torch.equal(model(IDS).logits, expected)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "mixed"])
@pytest.mark.parametrize(("fast", "size"), [(False, 1), (True, 1), (False, 10**9)])
def test_a_large_model_in_emulated_bfloat16_is_noted(
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    precision: Precision,
    fast: bool,
    size: int,
) -> None:
    monkeypatch.setattr("simnpo.models.precision.fast_bf16", lambda: fast)
    monkeypatch.setattr("simnpo.models.precision.LARGE_FOR_A_CPU", size)
    note_once.cache_clear()
    load_model(str(model_folder), precision)
    slow = precision != "fp32" and not fast and size == 1
    assert ("--precision fp32 is the fast choice" in capsys.readouterr().err) == slow


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("fp32", 1e-4), ("mixed", 1e-2), ("bf16", 1e-2)]
)
def test_npo_starts_at_its_reference(
    model_folder: Path,
    tokenizer: Any,
    examples: Any,
    tmp_path: Path,
    precision: Precision,
    tolerance: float,
) -> None:
    config = TrainingConfig(epochs=1, batch_size=4, micro_batch_size=4, precision=precision)
    data = TrainingData(forget=examples[:4], retain=examples[4:])
    model = load_model(str(model_folder), precision)
    method = build_method("npo", beta=0.5)
    train_model(model, tokenizer, method, data, config, tmp_path, keep_model=False)
    log = (tmp_path / "log.jsonl").read_text()
    loss = float(log.split('"forget_loss": ')[1].split(",")[0].rstrip("}\n"))
    assert loss == pytest.approx(2 / 0.5 * math.log(2), rel=tolerance)


def test_log_probs_are_summed_in_float32(llama: Any, tokenizer: Any, examples: Any) -> None:
    run_mixed(llama)
    logps = reference_logps(llama, Encoder(tokenizer).encode_all(examples))
    assert logps.dtype == torch.float32
    assert not torch.equal(logps, logps.bfloat16().float())


def test_a_frozen_copy_runs_its_own_weights(llama: Any) -> None:
    run_mixed(llama)
    before = llama(IDS).logits
    frozen = copy.deepcopy(llama)
    with torch.no_grad():
        llama.lm_head.weight.zero_()
    assert is_mixed(frozen) and torch.equal(frozen(IDS).logits, before)
    assert not llama(IDS).logits.any()


def test_weights_cast_once_changes_no_answer_and_forgets_the_casts(llama: Any) -> None:
    run_mixed(llama)
    prompts, never = [[5, 6, 7], [8, 9]], frozenset({10**6})
    expected = greedy(llama, prompts, 6, never)
    with weights_cast_once(llama):
        assert greedy(llama, prompts, 6, never) == expected
    with torch.no_grad():
        llama.lm_head.weight.zero_()
        assert not llama(IDS).logits.any()
