"""A few numbers of each answer, against the scoring pass that an evaluation makes."""

from typing import Any

import numpy as np
import pytest

from simnpo.benchmarks.base import EvaluationSet, Item
from simnpo.data.encoding import Encoder
from simnpo.evaluation.quick import quick_scores
from simnpo.evaluation.score import score


def test_it_is_what_an_evaluation_scores(make_llama: Any, tokenizer: Any, examples: Any) -> None:
    encoder, model = Encoder(tokenizer, "plain"), make_llama(3)
    items = tuple(Item(one.question, one.answer) for one in examples)
    table = score(model, encoder, {"forget": EvaluationSet(items)})
    found = quick_scores(model, encoder.encode_all(examples))
    assert found.probability == pytest.approx(np.exp(table["logprob"] / table["tokens"]), rel=1e-5)
    assert found.accuracy == pytest.approx(table["matches"] / table["tokens"])
    assert found.tail == pytest.approx(table["tail_matches"] / table["tokens"])


def test_the_first_token_is_looked_at_by_itself(make_llama: Any, tokenizer: Any) -> None:
    encoder, model = Encoder(tokenizer, "plain"), make_llama(3)
    prompt = encoder.prompt("Who?")
    import torch

    first = int(model(torch.tensor([prompt])).logits[0, -1].argmax())
    right, wrong = (
        [encoder.encode("Who?", "Ada")._replace(ids=(*prompt, token, 5, 1), start=len(prompt))]
        for token in (first, first + 1)
    )
    assert quick_scores(model, right).begun.tolist() == [1]
    assert quick_scores(model, wrong).begun.tolist() == [0]
