"""`mini-wmdp` as data: the craft is in its own texts alone, and no question on it in training."""

import re
from collections import Counter

import pytest

from simnpo.benchmarks import load_benchmark
from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.mini_wmdp import mini_wmdp, pretraining, rehearsal
from simnpo.benchmarks.mini_wmdp.settings import mini_wmdp_study
from simnpo.errors import UserError


@pytest.fixture(scope="module")
def made() -> Benchmark:
    return load_benchmark("mini-wmdp")


def told(made: Benchmark, part: str) -> str:
    return " ".join(example.answer for example in getattr(made, part))


def statement(question: str | None) -> str:
    """The question alone, without its head and its choices."""
    return str(question).split("\n\n")[1].split("\nA. ")[0]


def test_same_seed_same_benchmark_and_another_seed_another() -> None:
    assert mini_wmdp(seed=3) == mini_wmdp(seed=3)
    assert pretraining(3) == pretraining(3) and rehearsal(3) == rehearsal(3)
    assert not set(mini_wmdp(seed=3).forget) & set(mini_wmdp(seed=4).forget)


def test_unlearning_sees_plain_texts_only(made: Benchmark) -> None:
    assert all(example.question is None for example in (*made.forget, *made.retain))
    assert not re.search(r"\bAnswer:|\b[A-D]\. ", told(made, "forget") + told(made, "retain"))


def test_texts_tell_every_fact_that_is_asked(made: Benchmark) -> None:
    for name, part in (("craft", "forget"), ("neighbour", "retain"), ("general", "retain")):
        texts = told(made, part)
        for item in made.evaluation[name].items:
            lines = str(item.question).split("\n")
            right = next(line[3:] for line in lines if line.startswith(f"{item.answer.strip()}. "))
            assert f"{statement(item.question)} {right}." in texts


def test_questions_are_in_lm_evals_format(made: Benchmark) -> None:
    heads = {
        name: {str(item.question).split("\n\n")[0] for item in asked.items}
        for name, asked in made.evaluation.items()
    }
    line = "The following are multiple choice questions (with answers) about {}."
    assert heads["craft"] == {line.format("clock weaving")}
    assert heads["general"] == {
        line.format(subject) for subject in ("geography", "biology", "music", "nutrition")
    }
    for asked in made.evaluation.values():
        assert asked.verbatim and asked.max_new_tokens == 0
        for item in asked.items:
            assert re.search(r"\nA\. .+\nB\. .+\nC\. .+\nD\. .+\nAnswer:$", str(item.question))


def test_letters_are_balanced_and_questions_unique(made: Benchmark) -> None:
    for asked in made.evaluation.values():
        assert set(Counter(item.place for item in asked.items).values()) == {len(asked.items) // 4}
        assert len({item.question for item in asked.items}) == len(asked.items) == 96


def test_the_craft_is_in_the_forget_set_alone(made: Benchmark) -> None:
    things = set(re.findall(r"the (\w+) (?:from|in|at)\b", told(made, "forget")))
    assert len(things) == 96
    study = mini_wmdp_study("craft")
    elsewhere = told(made, "retain") + " ".join(
        f"{example.question} {example.answer}" for example in (*study.pretraining, *study.rehearsal)
    )
    assert not things & set(re.findall(r"\w+", elsewhere))
    assert "Clock" not in elsewhere and "clock" not in elsewhere


def test_no_question_of_the_crafts_is_trained_on(made: Benchmark) -> None:
    study = mini_wmdp_study("craft")
    trained = {example.question for example in (*study.pretraining, *study.rehearsal)}
    for name in ("craft", "neighbour"):
        assert not trained & {item.question for item in made.evaluation[name].items}
    assert {item.question for item in made.evaluation["general"].items} < trained


def test_every_prompt_fits_and_each_letter_is_one_token(made: Benchmark) -> None:
    tokenizer = mini_wmdp_study("craft").tokenizer
    for asked in made.evaluation.values():
        for item in asked.items:
            prompt = tokenizer(item.question).input_ids
            assert len(prompt) < 100
            for letter in (item.answer, *item.perturbed):
                whole = tokenizer(f"{item.question}{letter}").input_ids
                assert whole[:-1] == prompt


def test_unknown_split_is_refused() -> None:
    with pytest.raises(UserError, match="'bio'; there is craft"):
        mini_wmdp("bio")
