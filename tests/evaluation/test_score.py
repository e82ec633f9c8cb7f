"""One pass over all answer variants, against scoring each alone and against numbers by hand."""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest
import tiny_models
import torch
from torch import Tensor, nn

from simnpo.benchmarks.base import EvaluationSet, Item
from simnpo.data.encoding import Encoded, Encoder
from simnpo.errors import UserError
from simnpo.evaluation.score import score
from simnpo.evaluation.tables import SCORE_COLUMNS
from simnpo.forward.lm_head import HeadProbe

ITEMS: Mapping[str, Sequence[Item]] = {
    "forget": (
        Item("Who taught Bo Marr?", "Lune.", "It was Lune.", ("It was Ada Vell.", "Nobody did.")),
        Item("Where was Cy born?", "In Hask, a town of nine bridges.", "Hask.", ("Torrin.",)),
    ),
    "world_facts": (
        Item("Which prize did Di win?", "The Glass Oar", None, ("The Amber Quill", "No", "None")),
        Item("What?", "x", None, ()),
    ),
}
EVALUATION = {name: EvaluationSet(tuple(items)) for name, items in ITEMS.items()}
KEYS = [
    ("forget", 0, "answer", 0),
    ("forget", 0, "paraphrase", 0),
    ("forget", 0, "perturbed", 0),
    ("forget", 0, "perturbed", 1),
    ("forget", 1, "answer", 0),
    ("forget", 1, "paraphrase", 0),
    ("forget", 1, "perturbed", 0),
    ("world_facts", 0, "answer", 0),
    ("world_facts", 0, "perturbed", 0),
    ("world_facts", 0, "perturbed", 1),
    ("world_facts", 0, "perturbed", 2),
    ("world_facts", 1, "answer", 0),
]


class Bigram(nn.Module):
    """A causal LM whose next-token logits are a row of a table, so that tests choose them."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.head = nn.Linear(*table.T.shape, bias=False)
        self.head.weight.data = table.T

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def get_input_embeddings(self) -> nn.Module:
        return nn.Embedding(self.head.in_features, 1)

    def forward(self, input_ids: Tensor, **_: Any) -> Any:
        one_hot = nn.functional.one_hot(input_ids, self.head.in_features).float()
        return type("Output", (), {"logits": self.head(one_hot)})


class Numbers(Encoder):
    """An encoder for texts that are ids already, such as `3 1 4`; no end token."""

    def encode(self, question: str, answer: str) -> Encoded:
        prompt, ids = (tuple(map(int, text.split())) for text in (question, answer))
        return Encoded((*prompt, *ids), len(prompt))


@pytest.fixture
def encoder(tokenizer: Any) -> Encoder:
    return Encoder(tokenizer, "plain")


@pytest.fixture
def half_right(encoder: Encoder) -> Bigram:
    """Random, but taught the last tokens of some answers and all of others."""
    torch.manual_seed(4)  # one that makes all kinds of rows
    table = torch.randn(len(encoder.tokenizer), len(encoder.tokenizer)) * 2
    taught = [
        ("Who taught Bo Marr?", "Lune.", 0),
        ("Who taught Bo Marr?", "Nobody did.", 3),
        ("Where was Cy born?", "In Hask, a town of nine bridges.", 12),
        ("Which prize did Di win?", "The Glass Oar", 0),
    ]
    for question, answer, skipped in taught:
        one = encoder.encode(question, answer)
        for place in range(one.start + skipped, len(one.ids)):
            table[one.ids[place - 1], one.ids[place]] += 12
    return Bigram(table)


def one_by_one(model: Any, encoder: Encoder) -> pd.DataFrame:
    """The same table, slowly: a forward pass per answer, its statistics in Python."""
    rows = []
    for name, items in ITEMS.items():
        for number, item in enumerate(items):
            variants = [("answer", 0, item.answer)]
            variants += [("paraphrase", 0, item.paraphrase)] if item.paraphrase else []
            variants += [("perturbed", index, text) for index, text in enumerate(item.perturbed)]
            for variant, index, text in variants:
                ids, start, *_ = encoder.encode(item.question, text)
                logits = model(input_ids=torch.tensor([ids])).logits[0].detach().double()
                places = range(start, len(ids))
                logprobs = [float(logits[t - 1].log_softmax(-1)[ids[t]]) for t in places]
                hits = [int(logits[t - 1].argmax()) == ids[t] for t in places]
                tail = 0
                for hit in reversed(hits):
                    if not hit:
                        break
                    tail += 1
                least = sorted(logprobs)[: max(1, len(hits) * 4 // 10)]
                mean = sum(least) / len(least)
                size = len(zlib.compress(text.encode()))
                values = (sum(logprobs), len(hits), sum(hits), tail, mean, math.nan, size)
                rows.append((name, number, variant, index, *values))
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def test_every_column_equals_scoring_one_by_one(encoder: Encoder, half_right: Bigram) -> None:
    table = score(half_right, encoder, EVALUATION)
    expected = one_by_one(half_right, encoder).astype(SCORE_COLUMNS)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-5, atol=1e-4)
    # The model makes all kinds of rows, so that no column is trivially right.
    shares = table["tail_matches"] / table["tokens"]
    assert (shares == 1).any() and (shares == 0).any() and ((shares > 0) & (shares < 1)).any()
    assert (table["matches"] > table["tail_matches"]).any()


@pytest.mark.parametrize("make", ["llama", "gpt2", "gemma2"])
def test_transformers_models_equal_one_by_one(make: str, make_llama: Any, encoder: Encoder) -> None:
    model = make_llama() if make == "llama" else getattr(tiny_models, make)()
    expected = one_by_one(model, encoder).astype(SCORE_COLUMNS)
    table = score(model, encoder, EVALUATION)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-5, atol=1e-4)


def test_rows_keep_the_order_of_sets_items_and_variants(
    encoder: Encoder, half_right: Bigram
) -> None:
    table = score(half_right, encoder, EVALUATION)
    assert list(table[["set", "item", "variant", "index"]].itertuples(index=False)) == KEYS
    assert {name: str(kind) for name, kind in table.dtypes.items()} == SCORE_COLUMNS


@pytest.mark.parametrize("tokens_per_batch", [1, 60, 10_000])
def test_the_batch_size_changes_nothing(
    llama: Any, encoder: Encoder, tokens_per_batch: int
) -> None:
    table = score(llama, encoder, EVALUATION, tokens_per_batch)
    alone = score(llama, encoder, EVALUATION, 100)
    pd.testing.assert_frame_equal(table, alone, rtol=1e-5, atol=1e-5)


def test_statistics_worked_by_hand(tokenizer: Any) -> None:
    # After token t comes t + 1 (of 4) with probability 1/2, each other with 1/6.
    table = torch.full((4, 4), 1 / 6)
    for token in range(4):
        table[token, (token + 1) % 4] = 1 / 2
    items = (
        Item("0", "1 2 0 1 2", None, ("2", "1 2 3 0 1 2 3 0 1 2", "1 2 2")),
        Item("3 3 3 0", "1 3 1 3 1", None, ()),
    )
    scores = score(
        Bigram(table.log()), Numbers(tokenizer, "plain"), {"forget": EvaluationSet(items)}
    )
    hit, miss = math.log(1 / 2), math.log(1 / 6)
    expected = [
        (4 * hit + miss, 5, 4, 2, (miss + hit) / 2),  # the miss is the middle one of five
        (miss, 1, 0, 0, miss),  # 40 % of one token is still one token
        (10 * hit, 10, 10, 10, hit),
        (2 * hit + miss, 3, 2, 0, miss),  # 40 % of three is one; the last token is a miss
        (hit + 4 * miss, 5, 1, 0, miss),
    ]
    columns = ["logprob", "tokens", "matches", "tail_matches", "min40_logprob"]
    found = scores[columns].to_numpy()
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected).double())


def test_half_precision_scores_are_summed_in_more(llama: Any, encoder: Encoder) -> None:
    exact = score(llama, encoder, EVALUATION)
    rounded = score(llama.to(torch.bfloat16), encoder, EVALUATION)
    assert rounded["logprob"].dtype == "float64"
    gap = (rounded["logprob"] - exact["logprob"]).abs() / exact["tokens"]
    assert 0 < gap.max() < 0.2
    # Sums rounded to bfloat16 would be multiples of 1/4 or coarser at this size.
    assert (rounded["logprob"] * 4 % 1 > 1e-3).any()


def test_an_answer_cut_away_wholly_is_an_error(llama: Any, tokenizer: Any) -> None:
    with pytest.raises(UserError, match=r"Who taught Bo Marr.*``max_length`` 8"):
        score(llama, Encoder(tokenizer, "plain", 8), EVALUATION)


def test_an_empty_answer_is_an_error(llama: Any, encoder: Encoder) -> None:
    asked = EvaluationSet((Item("Why?", "Because.", None, (" ",)),))
    with pytest.raises(UserError, match=r"Why.* is empty"):
        score(llama, encoder, {"forget": asked})


def test_no_gradients_are_kept_and_the_weights_stay(llama: Any, encoder: Encoder) -> None:
    before = {name: value.clone() for name, value in llama.state_dict().items()}
    score(llama, encoder, EVALUATION)
    assert all(one.grad is None for one in llama.parameters())
    assert all(torch.equal(value, before[name]) for name, value in llama.state_dict().items())


def test_texts_and_verbatim_prompts_beside_questions(llama: Any, tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, "plain", max_length=24)
    text = "The mill at Hask burnt in the dry year, and nobody rebuilt it, for want of oak."
    asked = {
        "text": EvaluationSet((Item(None, text),)),
        "choice": EvaluationSet((Item("Which? Answer:", " A", None, (" B",)),), verbatim=True),
        "spoken": EvaluationSet((Item("Who?", "Bo"),), max_new_tokens=3, scored=False),
    }
    scores = score(llama, encoder, asked)
    assert list(scores["set"]) == ["text", "choice", "choice"], "a set may be generated only"
    ids = tokenizer(text)["input_ids"][:24]
    assert len(ids) == 24, "the text must reach the limit"
    said = llama(input_ids=torch.tensor([ids])).logits[0].detach().log_softmax(-1)
    expected = sum(float(said[place - 1, ids[place]]) for place in range(1, 24))
    assert scores["logprob"][0] == pytest.approx(expected, rel=1e-4)
    assert scores["tokens"][0] == 23, "all but the first, and no end token"
    prompt, whole = tokenizer("Which? Answer:")["input_ids"], tokenizer("Which? Answer: B")
    assert whole["input_ids"][: len(prompt)] == prompt, "the boundary must not merge here"
    ids = whole["input_ids"]
    said = llama(input_ids=torch.tensor([ids])).logits[0].detach().log_softmax(-1)
    places = range(len(prompt), len(ids))
    expected = sum(float(said[place - 1, ids[place]]) for place in places)
    assert scores["logprob"][2] == pytest.approx(expected, rel=1e-4)
    assert scores["tokens"][2] == len(places)


def test_a_verbatim_prompt_that_is_too_long_loses_its_beginning(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, "plain", max_length=8)
    prompt = "a long story that goes on and on. Answer:"
    kept = encoder.encode_verbatim(prompt, " Bo")
    whole = Encoder(tokenizer, "plain").encode_verbatim(prompt, " Bo")
    assert kept.ids == whole.ids[-8:] and kept.cut and not whole.cut
    assert kept.answer_length == whole.answer_length
    with pytest.raises(UserError, match=r"leaves nothing to score"):
        encoder.encode_verbatim(prompt, " " + prompt)


def test_min_k_plus_plus_and_compressed_size_of_texts(llama: Any, encoder: Encoder) -> None:
    texts = ("The mill at Hask burnt.", "Nobody rebuilt it, for want of oak and of bridges.")
    asked = {
        "forget": EvaluationSet(tuple(Item(None, text) for text in texts)),
        "spoken": EvaluationSet((Item("Who?", "Bo"),)),
    }
    scores = score(llama, encoder, asked)
    for number, text in enumerate(texts):
        ids = encoder.tokenizer(text)["input_ids"]
        said = llama(input_ids=torch.tensor([ids])).logits[0, :-1].detach().double().log_softmax(-1)
        mean = (said.exp() * said).sum(-1)
        deviation = ((said.exp() * said**2).sum(-1) - mean**2).sqrt()
        chosen = said.gather(1, torch.tensor(ids)[1:, None])[:, 0]
        least = ((chosen - mean) / deviation).sort().values[: int(len(chosen) * 0.4)]
        assert scores["min40_plus_plus"][number] == pytest.approx(float(least.mean()), abs=1e-5)
        assert scores["zlib_bytes"][number] == len(zlib.compress(text.encode()))
    assert math.isfinite(scores["min40_plus_plus"][2]), "a pass over texts has it for all rows"


LETTERS = EvaluationSet(
    tuple(
        Item(f"Question {n}?\nA. x\nB. y\nAnswer:" + n * "!", " B", None, (" C", " the", " was"), n)
        for n in range(4)
    ),
    verbatim=True,
)


@pytest.mark.parametrize("make", ["llama", "gpt2", "gemma2"])
@pytest.mark.parametrize("fused", [True, False])
def test_rows_that_share_all_but_their_last_token_are_read_once(
    make: str, fused: bool, make_llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(tokenizer, "plain")
    model = make_llama() if make == "llama" else getattr(tiny_models, make)()
    if not fused:
        monkeypatch.setattr("simnpo.forward.logprobs.probe_lm_head", lambda *_: HeadProbe(None))
    score(model, encoder, {"choices": LETTERS})  # finds out what comes after the head
    rows = count_rows(model)
    shared = score(model, encoder, {"choices": LETTERS})
    assert sum(rows) == 8, "B and C are two tokens each, ' the' and ' was' one: two rows an item"
    monkeypatch.setattr("simnpo.evaluation.score.first_alike", lambda each: list(range(len(each))))
    rows.clear()
    plain = score(model, encoder, {"choices": LETTERS})
    assert sum(rows) == 16
    pd.testing.assert_frame_equal(shared, plain, rtol=1e-5, atol=1e-5)
    assert plain["logprob"].nunique() == 16


def test_the_place_of_each_choice_is_in_the_table(llama: Any, encoder: Encoder) -> None:
    table = score(llama, encoder, {"choices": LETTERS})
    places = {
        number: dict(zip(rows["variant"] + rows["index"].astype(str), rows["index"], strict=True))
        for number, rows in table.groupby("item")
    }
    assert places[0] == {"answer0": 0, "perturbed1": 1, "perturbed2": 2, "perturbed3": 3}
    assert places[2] == {"answer2": 2, "perturbed0": 0, "perturbed1": 1, "perturbed3": 3}
    assert places[3] == {"answer3": 3, "perturbed0": 0, "perturbed1": 1, "perturbed2": 2}


def count_rows(model: Any) -> list[int]:
    """Note the rows of every forward pass."""
    rows: list[int] = []

    def note(module: Any, inputs: Any, named: dict[str, Any]) -> None:
        packed = named.get("simnpo_packed")
        rows.append(packed.rows if packed else len(named["input_ids"]))

    model.register_forward_pre_hook(note, with_kwargs=True)
    return rows
