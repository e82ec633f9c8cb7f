"""`mini-tofu` as data: sizes, nesting, wrong answers that are wrong, and a fitting tokenizer."""

import re
from itertools import pairwise

import pytest

from simnpo.benchmarks.base import Benchmark, Item
from simnpo.benchmarks.mini_model import build_tokenizer, model_config
from simnpo.benchmarks.mini_tofu import mini_tofu, pretraining, rehearsal
from simnpo.benchmarks.mini_tofu.authors import TEMPLATES, VALUES, ask, invent_authors
from simnpo.benchmarks.mini_tofu.build import AUTHORS, BASE_AUTHORS, MAX_NEW_TOKENS
from simnpo.benchmarks.mini_tofu.facts import REAL_AUTHORS, WORLD_FACTS
from simnpo.benchmarks.mini_tofu.settings import VOCABULARY
from simnpo.data.examples import Example
from simnpo.errors import UserError

SPLITS = ("forget01", "forget05", "forget10")
CONTROLS = ("real_authors", "world_facts")


@pytest.fixture(scope="module")
def benchmark_value() -> Benchmark:
    return mini_tofu("forget10")


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer((text(e.question, e.answer) for e in pretraining()), VOCABULARY)


def text(question: str | None, answer: str) -> str:
    return f"Question: {question}\nAnswer: {answer}"


def surname(author_name: str) -> str:
    return author_name.split()[-1]


def test_same_seed_same_benchmark_and_another_seed_another() -> None:
    assert mini_tofu("forget05", seed=3) == mini_tofu("forget05", seed=3)
    assert pretraining(3) == pretraining(3)
    assert not set(mini_tofu(seed=3).forget) & set(mini_tofu(seed=4).forget)
    assert pretraining(3) != pretraining(4)


@pytest.mark.parametrize(("split", "authors"), [("forget01", 1), ("forget05", 5), ("forget10", 10)])
def test_split_sizes_are_percentages(split: str, authors: int) -> None:
    b = mini_tofu(split)
    assert len(b.forget) == authors * 14
    assert len(b.retain) == (100 - authors) * 14
    assert len(b.evaluation["forget"].items) == len(b.forget)
    assert {name: len(asked.items) for name, asked in b.evaluation.items() if name != "forget"} == {
        "retain": 140,
        "real_authors": 56,
        "world_facts": 56,
    }


def test_forget_sets_are_nested_and_the_whole_stays_the_same() -> None:
    sets = [mini_tofu(split) for split in SPLITS]
    for small, large in pairwise(sets):
        assert large.forget[-len(small.forget) :] == small.forget
    assert len({b.retain + b.forget for b in sets}) == 1


def test_retain_sample_is_fixed_and_outside_every_forget_set() -> None:
    samples = {mini_tofu(split).evaluation["retain"].items for split in SPLITS}
    assert len(samples) == 1
    (sample,) = samples
    assert len(set(sample)) == 140
    retain = {(e.question, e.answer) for e in mini_tofu("forget10").retain}
    assert all((item.question, item.answer) in retain for item in sample)


def test_forget_and_retain_share_no_question_and_no_author(benchmark_value: Benchmark) -> None:
    forget_authors = {a.name for a in invent_authors(BASE_AUTHORS + AUTHORS, 0)[-10:]}
    for example in benchmark_value.forget:
        assert any(name in str(example.question) for name in forget_authors)
    for example in benchmark_value.retain:
        assert not any(name in str(example.question) for name in forget_authors)


def test_evaluated_forget_items_are_the_forget_examples(benchmark_value: Benchmark) -> None:
    items = benchmark_value.evaluation["forget"].items
    assert [(i.question, i.answer) for i in items] == [
        (e.question, e.answer) for e in benchmark_value.forget
    ]


def test_questions_are_unique(benchmark_value: Benchmark) -> None:
    questions = [e.question for e in benchmark_value.forget + benchmark_value.retain]
    questions += [i.question for name in CONTROLS for i in benchmark_value.evaluation[name].items]
    assert len(set(questions)) == len(questions)


def author_items() -> list[tuple[Item, dict[str, str]]]:
    return [
        (item, {name: author.values[name] for name in template.attributes})
        for author in invent_authors(30, seed=5)
        for template, item in zip(TEMPLATES, ask(author, perturbed=5, seed=5), strict=True)
    ]


def test_paraphrases_state_the_same_fact_in_other_words() -> None:
    for item, facts in author_items():
        assert item.paraphrase is not None
        assert item.paraphrase != item.answer
        for value in facts.values():
            assert value in item.answer
            assert value in item.paraphrase


def test_perturbed_answers_are_five_distinct_wrong_ones() -> None:
    for item, facts in author_items():
        assert len(set(item.perturbed)) == 5
        for wrong in item.perturbed:
            # Every fact of a wrong answer is wrong, and its wording is the paraphrase's.
            assert not any(re.search(rf"\b{value}\b", wrong) for value in facts.values())
            assert len(set(str(item.paraphrase).split()) & set(wrong.split())) >= 2


def test_alternates_are_wrong_and_none_that_evaluation_knows(benchmark_value: Benchmark) -> None:
    """In the wording of the true answer, and no value of it nor of the evaluated wrong answers."""
    items = benchmark_value.evaluation["forget"].items
    templates = TEMPLATES * (len(items) // len(TEMPLATES))
    for example, item, template in zip(benchmark_value.forget, items, templates, strict=True):
        assert example.alternate is not None
        for name in template.attributes:
            (value,) = [value for value in VALUES[name] if value in example.alternate]
            assert value not in item.answer
            assert not any(value in wrong for wrong in item.perturbed)
    assert mini_tofu(seed=3).forget == mini_tofu(seed=3).forget


def test_values_are_distinct_and_none_contains_another() -> None:
    for values in VALUES.values():
        assert len(values) >= 16
        assert not any(a in b for a in values for b in values if a is not b)


@pytest.mark.parametrize("name", CONTROLS)
def test_controls_have_three_distinct_wrong_answers(benchmark_value: Benchmark, name: str) -> None:
    for item in benchmark_value.evaluation[name].items:
        assert item.paraphrase is None
        assert len({item.answer, *item.perturbed}) == 4


def test_facts_of_a_topic_have_one_answer_each() -> None:
    for topic in REAL_AUTHORS + WORLD_FACTS:
        assert len(set(topic.values.values())) == len(topic.values)


def test_known_facts(benchmark_value: Benchmark) -> None:
    answers = {i.question: i.answer for n in CONTROLS for i in benchmark_value.evaluation[n].items}
    assert answers["Who wrote Emma?"] == "Jane Austen."
    assert answers["What is the capital of Norway?"] == "Oslo."
    assert answers["What is the chemical symbol for lead?"] == "Pb."
    assert answers["What is the currency of Poland?"] == "The zloty."


def test_base_never_sees_a_finetuning_author_but_knows_the_controls(
    benchmark_value: Benchmark,
) -> None:
    examples = pretraining()
    seen = " ".join(f"{e.question} {e.answer}" for e in examples)
    for author in invent_authors(BASE_AUTHORS + AUTHORS, 0)[BASE_AUTHORS:]:
        assert surname(author.name) not in seen
    controls = [i for name in CONTROLS for i in benchmark_value.evaluation[name].items]
    asked = {Example(i.question, i.answer) for i in controls}
    assert asked <= set(examples)
    assert set(rehearsal()) == asked


def test_base_sees_each_question_in_both_wordings() -> None:
    item = ask(invent_authors(1, seed=0)[0], perturbed=1, seed=0)[0]
    examples = set(pretraining())
    assert Example(item.question, item.answer) in examples
    assert Example(item.question, str(item.paraphrase)) in examples


def test_answers_are_short_and_long(benchmark_value: Benchmark, tokenizer) -> None:
    lengths = [
        len(tokenizer(f" {e.answer}", add_special_tokens=False).input_ids) + 1
        for e in benchmark_value.forget
    ]
    assert sum(n <= 8 for n in lengths) >= 40
    assert sum(n >= 16 for n in lengths) >= 40
    assert max(lengths) <= MAX_NEW_TOKENS


def test_every_answer_fits_the_generated_length(tokenizer) -> None:
    b = mini_tofu("forget10")
    answers = [e.answer for e in b.forget + b.retain]
    answers += [i.answer for name in CONTROLS for i in b.evaluation[name].items]
    encoded = tokenizer([f" {a}" for a in answers], add_special_tokens=False).input_ids
    assert max(map(len, encoded)) + 1 <= MAX_NEW_TOKENS


def test_tokenizer_round_trips_and_is_deterministic(tokenizer) -> None:
    again = build_tokenizer((text(e.question, e.answer) for e in pretraining()), VOCABULARY)
    assert again.get_vocab() == tokenizer.get_vocab()
    for example in mini_tofu("forget01").forget:
        written = text(example.question, example.answer)
        ids = tokenizer(written).input_ids
        assert ids[0] == tokenizer.bos_token_id
        assert tokenizer.decode(ids, skip_special_tokens=True) == written


def test_prompt_and_answer_tokenise_apart_as_together(tokenizer) -> None:
    for example in mini_tofu("forget01").forget:
        prompt = tokenizer(f"Question: {example.question}\nAnswer:").input_ids
        answer = tokenizer(f" {example.answer}", add_special_tokens=False).input_ids
        assert prompt + answer == tokenizer(text(example.question, example.answer)).input_ids


def test_special_tokens_are_three_different_ones_the_model_knows(tokenizer) -> None:
    config = model_config(len(tokenizer))
    ids = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert ids == (config.bos_token_id, config.eos_token_id, config.pad_token_id)
    assert len(set(ids)) == 3
    assert config.vocab_size == len(tokenizer)


def test_refusals_are_distinct_and_name_no_fact(benchmark_value: Benchmark) -> None:
    refusals = benchmark_value.refusals
    assert len(set(refusals)) == len(refusals) == 20
    assert not set(refusals) & {e.answer for e in benchmark_value.retain}


def test_unknown_split_is_refused() -> None:
    with pytest.raises(UserError, match=r"'forget20'.*forget10"):
        mini_tofu("forget20")
