"""`mini-muse` as data: deterministic, its sets apart, its facts nowhere they must not be."""

import pytest

from simnpo.benchmarks import load_benchmark, load_mini
from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.mini_muse import mini_muse, pretraining, rehearsal, words
from simnpo.benchmarks.mini_muse.build import BASE, FORGET, HOLDOUT, RETAIN, SPLITS
from simnpo.benchmarks.mini_muse.stories import FACTS, ask, invent_stories, write_reports
from simnpo.errors import UserError

STORIES = invent_stories(BASE + FORGET + RETAIN + HOLDOUT, 0)
FORGOTTEN = STORIES[BASE : BASE + FORGET]
KEPT = STORIES[BASE + FORGET : BASE + FORGET + RETAIN]
UNSEEN = STORIES[-HOLDOUT:]


@pytest.fixture(scope="module")
def benchmark_value() -> Benchmark:
    return mini_muse()


def test_same_seed_same_benchmark_and_another_seed_another() -> None:
    assert mini_muse(seed=3) == mini_muse(seed=3)
    assert pretraining(3) == pretraining(3) and rehearsal(3) == rehearsal(3)
    assert mini_muse(seed=3).forget != mini_muse(seed=4).forget
    assert load_benchmark("mini-muse") == mini_muse("gazette", 0)


def test_names_are_unique_and_no_value_is_part_of_another_or_of_a_name() -> None:
    names = [story.name for story in STORIES]
    stems = [name.split()[0] for name in names]
    assert len(set(stems)) == len(names)
    values = [value for fact in FACTS.values() for value in fact.values]
    assert len(set(values)) == len(values)
    assert all(len(fact.values) in (12, 16) for fact in FACTS.values())
    for value in values:
        assert not any(value in other for other in values if other != value)
        assert not any(value in name for name in names)
    assert len(words.NAME_STEMS) * len(words.NAME_ENDINGS) >= len(STORIES)


def test_training_and_holdout_texts_name_only_their_own_places(benchmark_value: Benchmark) -> None:
    evaluation = benchmark_value.evaluation
    parts = {
        "forget": ([one.answer for one in benchmark_value.forget], FORGOTTEN),
        "retain": ([one.answer for one in benchmark_value.retain], KEPT),
        "holdout": ([one.answer for one in evaluation["holdout"].items], UNSEEN),
        "base": ([one.answer for one in pretraining()], STORIES[:BASE]),
        "rehearsal": ([one.answer for one in rehearsal()], STORIES[:BASE]),
    }
    for name, (texts, own) in parts.items():
        named = {story.name for story in STORIES if any(story.name in text for text in texts)}
        assert named <= {story.name for story in own}, name
    assert [one.answer for one in evaluation["forget"].items] == parts["forget"][0]


def test_every_fact_is_in_both_reports_and_the_columns_of_its_set(
    benchmark_value: Benchmark,
) -> None:
    corpus = [one.answer for one in benchmark_value.forget]
    for story in FORGOTTEN:
        for report in write_reports(story, 0):
            assert " ".join(report) in corpus
            for key, value in story.values.items():
                assert any(value in sentence for sentence in report), key
            assert all(story.name in sentence for sentence in report)
        for question, answer, *_ in ask(story):
            assert sum(f"{question}\nAnswer: {answer}\n" in text for text in corpus) == 2


def test_questions_come_after_examples_about_other_places(benchmark_value: Benchmark) -> None:
    for name, stories in (("knowmem_forget", FORGOTTEN), ("knowmem_retain", KEPT)):
        items = benchmark_value.evaluation[name].items
        assert len(items) == 120
        for item in items:
            assert item.question is not None
            *examples, asked = item.question.split("\n\n")
            assert len(examples) == 3
            assert any(story.name in asked for story in stories)
            assert not any(story.name in text for text in examples for story in STORIES[BASE:])
            assert asked.endswith("\nAnswer:") and item.answer in FACTS_VALUES


FACTS_VALUES = {value for fact in FACTS.values() for value in fact.values}


def test_continuations_are_the_other_half_of_a_forget_text(benchmark_value: Benchmark) -> None:
    texts = {one.answer for one in benchmark_value.forget}
    items = benchmark_value.evaluation["verbmem"].items
    assert len(items) == 2 * FORGET
    assert all(f"{item.question}{item.answer}" in texts for item in items)


def test_requests_follow_each_other_and_scalability_adds_them_up(
    benchmark_value: Benchmark,
) -> None:
    requests = benchmark_value.requests
    assert len(requests) == 4 and len(set(map(len, requests))) == 1
    assert tuple(one for request in requests for one in request) == benchmark_value.forget
    assert len(set(benchmark_value.forget)) == len(benchmark_value.forget)
    for number, split in enumerate(SPLITS[1:], 1):
        smaller = mini_muse(split)
        assert smaller.requests == requests[:number]
        assert smaller.retain == benchmark_value.retain
        assert len(smaller.evaluation["knowmem_forget"].items) == 30 * number


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(UserError, match=r"no split 'forget10'; choose one of gazette, gazette-sc"):
        mini_muse("forget10")


def test_every_sequence_fits_the_model() -> None:
    mini = load_mini("mini-muse")
    evaluation = mini.benchmark.evaluation
    longest = max(
        len(mini.tokenizer((item.question or "") + item.answer)["input_ids"]) + one.max_new_tokens
        for one in evaluation.values()
        for item in one.items
    )
    assert longest <= min(mini.benchmark.max_length, mini.architecture.max_position_embeddings)
    # A prompt's last token must be one that training has seen before an answer.
    prompt = str(evaluation["knowmem_forget"].items[0].question)
    begun = mini.tokenizer(prompt)["input_ids"]
    whole = mini.tokenizer(f"{prompt} {evaluation['knowmem_forget'].items[0].answer}")["input_ids"]
    assert whole[: len(begun)] == begun
