"""SmolLM2-135M-Instruct, from Q4_1 weights: what tiny random models cannot show."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from simnpo.benchmarks.base import EvaluationSet, Item
from simnpo.config import Precision, TrainingConfig
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.evaluation.decoding import greedy
from simnpo.evaluation.score import score
from simnpo.methods.registry import build_method
from simnpo.models import load_model, load_tokenizer
from simnpo.training.arguments import arguments
from simnpo.training.run import TrainingData
from simnpo.training.trainer import UnlearnTrainer

pytestmark = pytest.mark.real
CAPITAL = "What is the capital of France?"
ITEMS = (
    Item(CAPITAL, "The capital of France is Paris.", None, ("The capital of France is Rome.",)),
    Item("How many legs has a spider?", "A spider has eight legs.", None, ("It has two.",)),
)


@pytest.fixture(scope="module")
def tokenizer(real_model: Path) -> Any:
    return load_tokenizer(str(real_model))


@pytest.fixture(scope="module")
def encoder(tokenizer: Any) -> Encoder:
    return Encoder(tokenizer)


@pytest.fixture(scope="module")
def model(real_model: Path) -> Any:
    return load_model(str(real_model), "fp32")


def test_the_chat_template_as_the_model_was_trained(tokenizer: Any, encoder: Encoder) -> None:
    encoded = encoder.encode(CAPITAL, "Paris.")
    assert encoder.template.name == "chat"
    text = tokenizer.decode(encoded.ids)
    assert text.endswith(
        f"<|im_start|>user\n{CAPITAL}<|im_end|>\n<|im_start|>assistant\nParis.<|im_end|>"
    )
    own = [{"role": "user", "content": CAPITAL}]
    prompt = tokenizer.apply_chat_template(own, add_generation_prompt=True, return_dict=False)
    assert list(encoded.ids[: encoded.start]) == prompt == list(encoder.prompt(CAPITAL))
    assert tokenizer.convert_ids_to_tokens(encoded.ids[-1]) == "<|im_end|>"


def test_answers_and_scores_equal_plain_transformers(
    model: Any, tokenizer: Any, encoder: Encoder
) -> None:
    prompt = torch.tensor([encoder.prompt(CAPITAL)])
    theirs = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=12
    )[0, prompt.shape[1] :]
    text = tokenizer.decode(theirs, skip_special_tokens=True)
    assert "Paris" in text
    end = frozenset({tokenizer.eos_token_id})
    other = encoder.prompt("How many legs has a spider? Think well.")  # padding must not matter
    ours = greedy(model, [prompt[0].tolist(), other], 12, end)[0]
    assert tokenizer.decode(ours) == text

    table = score(model, encoder, {"facts": EvaluationSet(ITEMS, 0)})
    for number, item in enumerate(ITEMS):
        one = encoder.encode(str(item.question), item.answer)
        ids = torch.tensor([one.ids])
        with torch.no_grad():
            logprobs = model(ids).logits[0, :-1].log_softmax(-1)
        chosen = logprobs.gather(-1, ids[0, 1:, None])[one.start - 1 :]
        row = table[(table["item"] == number) & (table["variant"] == "answer")].iloc[0]
        assert row["logprob"] == pytest.approx(float(chosen.sum()), abs=1e-3)
    assert (
        table.groupby(["item", "variant"])["logprob"]
        .first()
        .unstack()
        .eval("answer > perturbed")
        .all()
    )


@pytest.mark.parametrize("precision", ["fp32", "mixed", "bf16"])
def test_precisions(
    real_model: Path,
    model: Any,
    tokenizer: Any,
    encoder: Encoder,
    tmp_path: Path,
    precision: Precision,
) -> None:
    loaded: Any = load_model(str(real_model), precision)
    sets = {"facts": EvaluationSet(ITEMS, 0)}
    exact, rounded = (score(one, encoder, sets)["logprob"] for one in (model, loaded))
    # bfloat16 keeps 8 bits: a hundredth of a log-prob, several over an answer.
    assert rounded.to_numpy() == pytest.approx(exact.to_numpy(), rel=0.05, abs=0.5)
    assert (precision == "fp32") == bool((rounded == exact).all())

    config = TrainingConfig(epochs=1, batch_size=2, micro_batch_size=2, precision=precision)
    rows = [Example(str(one.question), one.answer) for one in ITEMS]
    data = TrainingData(forget=rows, retain=rows)
    trainer = UnlearnTrainer(
        loaded,
        arguments(config, tmp_path),
        method=build_method("npo", beta=0.1),
        processing_class=tokenizer,
        forget_dataset=data.forget,
        retain_dataset=data.retain,
    )
    trainer.args.logging_steps, trainer.args.save_strategy = 1, "no"
    trainer.train()
    log = next(row for row in trainer.state.log_history if "forget_loss" in row)
    tolerance = 1e-4 if precision == "fp32" else 1e-2
    assert log["forget_loss"] == pytest.approx(2 / 0.1 * math.log(2), rel=tolerance)
