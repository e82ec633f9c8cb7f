"""Greedy answers in batches, against transformers' own generation one prompt at a time."""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import pytest
import tiny_models
import torch
from transformers import GenerationConfig
from transformers.cache_utils import DynamicLayer

from simnpo.benchmarks.base import EvaluationSet, Item
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.evaluation.cache import RoomyLayer
from simnpo.evaluation.decoding import greedy
from simnpo.evaluation.generate import generate
from simnpo.evaluation.tables import GENERATION_COLUMNS
from simnpo.system.notes import note_once

NEW = 12
GENERATOR = torch.Generator().manual_seed(0)
PROMPTS = [
    torch.randint(2, 400, (length,), generator=GENERATOR).tolist() for length in (9, 3, 6, 1, 12)
]
NEVER = frozenset({10**6})
ITEMS = {
    "forget": (
        Item("Who taught Bo Marr?", "Lune.", "It was Lune.", ("Nobody did.",)),
        Item("Where was Cy Odell born, and in which year of the flood?", "Hask.", None, ()),
    ),
    "retain": (Item("What?", "x", None, ()),),
}
EVALUATION = {name: EvaluationSet(items, NEW) for name, items in ITEMS.items()}


@pytest.fixture(params=["llama", "gpt2", "gemma2", "bloom"])
def model(request: pytest.FixtureRequest, make_llama: Callable[..., Any]) -> Any:
    return make_llama() if request.param == "llama" else getattr(tiny_models, request.param)()


def by_transformers(model: Any, prompt: Sequence[int], new: int = NEW) -> list[int]:
    """One prompt's greedy continuation, never stopped."""
    config = GenerationConfig(
        max_new_tokens=new, do_sample=False, eos_token_id=10**6, pad_token_id=0
    )
    ids = torch.tensor([list(prompt)])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
    return list(out[0, len(prompt) :].tolist())


def test_without_stops_equal_to_transformers(model: Any) -> None:
    expected = [by_transformers(model, prompt) for prompt in PROMPTS]
    assert greedy(model, PROMPTS, NEW, NEVER, 0) == expected
    assert len({tuple(one) for one in expected}) == len(PROMPTS), "the prompts must matter"


@pytest.mark.parametrize("pad_id", [0, 1, 250])
def test_rows_that_end_early_leave_without_disturbing_the_others(model: Any, pad_id: int) -> None:
    whole = [by_transformers(model, prompt) for prompt in PROMPTS]
    # Stops that occur in some rows and not in others, so that rows end at different steps.
    lengths_seen = set()
    for stops in (
        {whole[0][0]},
        {whole[1][2], whole[4][5]},
        {whole[0][1], whole[1][3], whole[2][6]},
        {one[4] for one in whole},
    ):
        expected = [list(takewhile(lambda token, at=stops: token not in at, one)) for one in whole]
        assert greedy(model, PROMPTS, NEW, frozenset(stops), pad_id) == expected
        lengths_seen |= {len(one) for one in expected}
    assert len(lengths_seen) > 3


def test_one_row_ends_at_once_and_all_rows_end(llama: Any) -> None:
    whole = [by_transformers(llama, prompt) for prompt in PROMPTS]
    stops = frozenset(one[0] for one in whole)
    assert greedy(llama, PROMPTS, NEW, stops, 0) == [[]] * len(PROMPTS)
    assert greedy(llama, PROMPTS[:1], NEW, NEVER, 0) == whole[:1]
    assert greedy(llama, PROMPTS, 1, NEVER, 0) == [one[:1] for one in whole]


@pytest.mark.parametrize("make", ["lfm2", "falcon_h1"])
def test_rows_end_early_where_the_cache_holds_more_than_attention(make: str) -> None:
    model = getattr(tiny_models, make)()
    whole = [by_transformers(model, prompt) for prompt in PROMPTS]
    stops = frozenset({whole[0][0], whole[1][0], whole[2][1]})
    expected = [list(takewhile(lambda token: token not in stops, one)) for one in whole]
    assert greedy(model, PROMPTS, NEW, stops, 0) == expected


@pytest.mark.parametrize("make", ["rwkv", "minimax", "mamba"])
def test_models_without_a_mask_or_our_cache_answer_alike_in_any_batch(make: str) -> None:
    model = getattr(tiny_models, make)()
    whole = [by_transformers(model, prompt) for prompt in PROMPTS]
    stops = frozenset({whole[0][0], whole[1][0], whole[2][1]})
    expected = [list(takewhile(lambda token: token not in stops, one)) for one in whole]
    assert greedy(model, PROMPTS, NEW, stops, 0) == expected


def test_answers_end_at_the_models_last_position(
    tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_models.gpt2()
    encoder = Encoder(tokenizer)
    room = model.config.n_positions - len(encoder.prompt("What?"))
    asked = {"retain": EvaluationSet(ITEMS["retain"], room + 9)}
    answered = generate(model, encoder, asked)
    note_once.cache_clear()
    assert generate(model, encoder, {"retain": EvaluationSet(ITEMS["retain"], room)}).equals(
        answered
    )
    assert "Note: 1 answers may be shorter" in capsys.readouterr().err
    long = (Item("What? " * model.config.n_positions, "x", None, ()),)
    with pytest.raises(UserError, match=r"retain set, item 0: the prompt takes .* made for 128"):
        generate(model, encoder, {"retain": EvaluationSet(long, 1)})


@pytest.mark.parametrize("make", ["gpt2", "bloom"])
def test_the_models_own_generation_settings_do_not_change_greedy_answers(make: str) -> None:
    model = getattr(tiny_models, make)()
    expected = [by_transformers(model, prompt) for prompt in PROMPTS]
    # As chat models ship them, e.g. Qwen2.5's repetition penalty of 1.05 to 1.1.
    model.generation_config.do_sample = True
    model.generation_config.repetition_penalty = 5.0
    model.generation_config.no_repeat_ngram_size = 1
    model.generation_config.top_k = 20
    model.generation_config.temperature = 0.7
    assert greedy(model, PROMPTS, NEW, NEVER, 0) == expected


def test_table_in_the_order_of_sets_and_items(llama: Any, tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, "plain")
    table = generate(llama, encoder, EVALUATION)
    assert {name: str(kind) for name, kind in table.dtypes.items()} == GENERATION_COLUMNS
    items = [item for items in ITEMS.values() for item in items]
    assert list(table["set"]) == ["forget", "forget", "retain"]
    assert list(table["item"]) == [0, 1, 0]
    assert list(table["question"]) == [item.question for item in items]
    assert list(table["reference"]) == [item.answer for item in items]
    for item, generated in zip(items, table["generated"], strict=True):
        new = by_transformers(llama, encoder.prompt(item.question))
        new = list(takewhile(lambda token: token != tokenizer.eos_token_id, new))
        assert generated == tokenizer.decode(new, skip_special_tokens=True).strip()
    assert len(set(table["generated"])) == 3


@pytest.mark.parametrize("tokens_per_batch", [1, 100])
def test_the_batch_size_changes_nothing(llama: Any, tokenizer: Any, tokens_per_batch: int) -> None:
    encoder = Encoder(tokenizer, "plain")
    one = generate(llama, encoder, EVALUATION, tokens_per_batch)
    assert one.equals(generate(llama, encoder, EVALUATION))


def test_stops_are_the_templates_the_tokenizers_and_the_models(llama: Any, tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, "plain")
    new = by_transformers(llama, encoder.prompt("What?"))
    at = next(n for n in range(2, NEW) if new[n] not in new[:n])
    asked = {"retain": EVALUATION["retain"]}
    for named in (new[at], [399, new[at]]):
        llama.generation_config.eos_token_id = named
        (generated,) = generate(llama, encoder, asked)["generated"]
        assert generated == tokenizer.decode(new[:at], skip_special_tokens=True).strip()
    llama.generation_config.eos_token_id = None
    (generated,) = generate(llama, encoder, asked)["generated"]
    assert generated == tokenizer.decode(new, skip_special_tokens=True).strip()


def test_sets_have_their_own_lengths_and_prompts(llama: Any, tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, "plain")
    llama.generation_config.eos_token_id = None
    asked = {
        "scored": EvaluationSet((Item("Who?", "Bo"),)),
        "short": EvaluationSet((Item("Who?", "Bo"), Item("What is it?", "x")), max_new_tokens=2),
        "long": EvaluationSet((Item("Who?", "Bo"),), max_new_tokens=5, verbatim=True),
    }
    table = generate(llama, encoder, asked)
    assert list(table["set"]) == ["short", "short", "long"], "a set may be scored only"
    prompts = [
        encoder.prompt("Who?"),
        encoder.prompt("What is it?"),
        tokenizer("Who?")["input_ids"],
    ]
    for prompt, new, generated in zip(prompts, (2, 2, 5), table["generated"], strict=True):
        expected = tokenizer.decode(by_transformers(llama, prompt, new), skip_special_tokens=True)
        # Where a verbatim answer ends may depend on the white space around it.
        assert generated == (expected if new == 5 else expected.strip())
    with pytest.raises(UserError, match="text set, item 0 has no question"):
        generate(llama, encoder, {"text": EvaluationSet((Item(None, "A text."),), 4)})


def test_a_reference_is_cut_where_the_answer_is(llama: Any, tokenizer: Any) -> None:
    text = " of nine bridges and a door"
    cut, whole = (
        generate(
            llama,
            Encoder(tokenizer, "plain"),
            {"said": EvaluationSet((Item("A town", text),), 4, verbatim=True, cut_reference=cut)},
        )
        for cut in (True, False)
    )
    # The beginning-of-sequence token is one of the four, as in the official code.
    expected = tokenizer.decode(tokenizer(text)["input_ids"][1:4])
    assert cut["reference"][0] == expected and 0 < len(expected) < len(text)
    assert whole["reference"][0] == text


def test_a_cache_with_room_grows_and_drops_rows_as_transformers_own() -> None:
    draw = torch.Generator().manual_seed(0)
    ours, theirs = RoomyLayer(), DynamicLayer()
    kept = None
    for tokens in (3, 1, 200, 1, 1):
        keys, values = (torch.randn(4, 2, tokens, 8, generator=draw) for _ in range(2))
        if kept is not None:
            keys, values = keys[:2], values[:2]
        for found, expected in zip(
            ours.update(keys, values), theirs.update(keys, values), strict=True
        ):
            assert torch.equal(found, expected)
        assert ours.get_seq_length() == theirs.get_seq_length()
        if tokens == 200:
            kept = torch.tensor([3, 1])
            ours.batch_select_indices(kept)
            theirs.batch_select_indices(kept)
    before = ours.keys.data_ptr()
    ours.update(keys, values)
    assert ours.keys.data_ptr() == before, "there was room"
