"""Answers made to be slow: the time of every metric grows with their length, not its square."""

import random
import time
import unicodedata
from collections.abc import Callable

import pytest
from rouge_score.rouge_scorer import RougeScorer

from simnpo.data.conflicts import _digit_groups
from simnpo.data.conflicts import _words as conflict_words
from simnpo.data.identifiers import identifiers_of
from simnpo.data.leaks import contained, leaked
from simnpo.data.normal_text import comparable, normalized
from simnpo.evaluation.metrics.answers import is_degenerate, verbatim
from simnpo.evaluation.metrics.official_logs import _question
from simnpo.evaluation.metrics.refusals import is_refusal
from simnpo.evaluation.metrics.rouge import longest_common, rouge_l_f1, rouge_l_recall
from simnpo.report.differences import COMPARED, pieces

LENGTH = 100_000
MARKS = "a" + "\u0301\u0316" * (LENGTH // 2)
TEXTS = {
    "spaces": "[INST]" + " " * LENGTH + "x",
    "letters": "a" * LENGTH,
    "ys": "y" * LENGTH,
    "digits": "1-" * (LENGTH // 2) + "a",
    "phones": "+1 (" * (LENGTH // 4),
    "addresses": "a+" * (LENGTH // 2) + "@b",
    "hosts": "a-a." * (LENGTH // 4) + "!",
    "accents": "é" * LENGTH,
    "marks": MARKS,
    "unseen": "é" + "\u200b" * LENGTH + "a",
}
MEASURES: dict[str, Callable[[str], object]] = {
    "identifiers": identifiers_of,
    "contained": lambda text: contained([text[:1000], "4711 0815"], text),
    "leaked": lambda text: leaked(["a@b.com", "12345678"], "q", text),
    "verbatim": lambda text: verbatim(text[-1], text),
    "degenerate": is_degenerate,
    "refusal": is_refusal,
    "recall": lambda text: rouge_l_recall([(text, text + " é")]),
    "f1": lambda text: rouge_l_f1([(text, "é " + text)]),
    "comparable": comparable,
    "conflicts": lambda text: (conflict_words(text), list(_digit_groups(text))),
    "question": _question,
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("text", TEXTS)
def test_the_time_is_bounded(text: str, measure: str) -> None:
    begun = time.process_time()
    MEASURES[measure](TEXTS[text])
    assert time.process_time() - begun < 3  # of a square it would be ten seconds at least


def test_two_long_answers() -> None:
    words = random.Random(0).choices("abcdefgh", k=20_000)
    text, other = " ".join(words), " ".join(reversed(words))
    begun = time.process_time()
    assert rouge_l_recall([(text, text)])[0] == 1.0
    assert 0.2 < rouge_l_recall([(text, other)])[0] < 1
    assert "".join(piece.text for piece in pieces(text, other)) == other
    same = " ".join(["a"] * 20_000)
    assert [*pieces(same, same)] == [(same, False)]
    assert sum(piece.text.count("a") for piece in pieces(same + " b", same) if piece.differs) == (
        20_000 - COMPARED
    )
    assert time.process_time() - begun < 20


def test_the_longest_common_subsequence_is_rouge_scores() -> None:
    choose = random.Random(1)
    for _ in range(60):
        first, second = (
            [choose.choice("abc") * choose.choice((1, 2)) for _ in range(choose.randrange(1, 90))]
            for _ in range(2)
        )
        theirs = RougeScorer(["rougeL"]).score(" ".join(first), " ".join(second))["rougeL"]
        assert longest_common(first, second) == round(theirs.recall * len(first))
        assert rouge_l_f1([(" ".join(first), " ".join(second))])[0] == theirs.fmeasure


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_marks_in_order_are_pythons_own(form: str) -> None:
    choose = random.Random(2)
    marks = "\u0301\u0316\u0345\u0327\u0344\u05b0\u0e38\u200b\u034f\u20d0…😀"
    for _ in range(200):
        text = "ä" + "".join(choose.choice(marks) for _ in range(choose.randrange(120))) + "é한"
        assert normalized(form, text) == unicodedata.normalize(form, text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("[INST] Who?  [/INST]", "Who?"),
        ("  [INST][/INST] ", ""),
        ("[INST] a [/INST] b [/INST]", "a [/INST] b"),
        ("[/INST]", "[/INST]"),
        ("Question: Who?\nAnswer: ", "Who?"),
        ("Question: Who? ", "Who?"),
        ("Question:", ""),
        ("Who?", "Who?"),
    ],
)
def test_questions_of_official_prompts(prompt: str, question: str) -> None:
    assert _question(prompt) == question
