"""Gemma 3 270M, from Q4_K_M weights: sliding windows, scaled embeddings, a tied head of 262,144."""

from typing import Any

import fetch_gemma
import pytest
import torch

from simnpo.benchmarks.base import EvaluationSet, Item
from simnpo.data.encoding import Encoder
from simnpo.evaluation.decoding import greedy
from simnpo.evaluation.score import score
from simnpo.models import load_model, load_tokenizer

pytestmark = pytest.mark.gemma
ITEMS = (
    Item("What is the capital of France?", "Paris.", None, ("Rome.",)),
    Item("Who wrote Romeo and Juliet?", "William Shakespeare.", None, ("Nobody did.",)),
)
LONG = "The river runs past the mill, and the mill grinds the corn of the village. " * 36
"""More tokens than the 512 that a layer with a sliding window sees."""


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model(str(fetch_gemma.MODEL.folder), "fp32")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(load_tokenizer(str(fetch_gemma.MODEL.folder)), max_length=1024)


def test_a_base_model_without_a_chat_template(model: Any, encoder: Encoder) -> None:
    assert encoder.tokenizer.chat_template is None and encoder.template.name == "plain"
    text = encoder.tokenizer.decode(encoder.encode("Where?", "There.").ids)
    assert text == "<bos>Question: Where?\nAnswer: There.<eos>"
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_log_probs_are_those_of_the_logits_whatever_is_beside_a_row(
    model: Any, encoder: Encoder
) -> None:
    items = (*ITEMS, Item(LONG, "So it goes.", None, ()))
    together = score(model, encoder, {"facts": EvaluationSet(items, 0)})
    answers = together[together["variant"] == "answer"].set_index("item")["logprob"]
    for number, item in enumerate(items):
        one = encoder.encode(str(item.question), item.answer)
        ids = torch.tensor([one.ids])
        with torch.no_grad():
            logprobs = model(ids).logits[0, :-1].log_softmax(-1)
        chosen = logprobs.gather(-1, ids[0, 1:, None])[one.start - 1 :]
        assert answers[number] == pytest.approx(float(chosen.sum()), rel=1e-4, abs=1e-4)
        alone = score(model, encoder, {"facts": EvaluationSet((item,), 0)}).iloc[0]
        assert answers[number] == pytest.approx(alone["logprob"], rel=1e-4, abs=1e-4)
    likelier = together.groupby(["item", "variant"])["logprob"].first().unstack().iloc[:2]
    assert (likelier["answer"] > likelier["perturbed"]).all()


def test_answers_are_those_of_transformers_whatever_is_beside_them(
    model: Any, encoder: Encoder
) -> None:
    prompts = [encoder.prompt(str(one.question)) for one in ITEMS] + [encoder.prompt(LONG)]
    assert len(prompts[-1]) > model.config.sliding_window > len(prompts[0])
    end = frozenset({encoder.tokenizer.eos_token_id})
    together = greedy(model, prompts, 8, end)
    for prompt, ours in zip(prompts, together, strict=True):
        ids = torch.tensor([prompt])
        theirs = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=8
        )[0, len(prompt) :]
        assert ours == [token for token in theirs.tolist() if token not in end]
    assert "Paris" in encoder.tokenizer.decode(together[0])
