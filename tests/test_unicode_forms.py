"""NFC and NFD are two forms of one text: wherever rows are compared, its twins are the same row."""

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from simnpo.benchmarks.multiple_choice import choice_set
from simnpo.benchmarks.own import OwnSets, own_benchmark
from simnpo.data.checks import check_sets, shared
from simnpo.data.conflicts import find_conflicts
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.data.held_out import hold_out
from simnpo.data.own_rows import OwnRow
from simnpo.data.rows import Row
from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluate_model, evaluation_hashes
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.answers import verbatim
from simnpo.evaluation.metrics.own import own_metrics
from simnpo.evaluation.metrics.refusals import is_refusal
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.tables import Tables
from simnpo.experiments.original import Original
from simnpo.report.answers import cards
from simnpo.report.differences import pieces

PAIRS = (
    ("Où est né Élan Müller ?", "À Łódź, près de Zürich."),
    ("부산에서 태어난 사람은?", "김영희는 부산에서 태어났다."),
    ("ガラスはどこで?", "ガラスはパリで。"),
    ("Ông sinh ở đâu?", "Ở Hà Nội, gần Huế."),
)


def in_form(form: str, name: str) -> tuple[OwnRow, ...]:
    return tuple(
        OwnRow(
            Example(*(unicodedata.normalize(form, one) for one in pair)), place=f"{name}, {number}"
        )
        for number, pair in enumerate(PAIRS)
    )


NFC, NFD = in_form("NFC", "composed"), in_form("NFD", "decomposed")
assert all(one.example != other.example for one, other in zip(NFC, NFD, strict=True))


def test_sets_are_compared_whatever_the_form() -> None:
    assert len(shared(NFC, NFD).rows) == len(PAIRS)
    with pytest.raises(UserError, match="are the same"):
        check_sets(NFC, NFD)
    with pytest.raises(UserError, match="no model may have seen a holdout"):
        check_sets(NFC[:1], (), NFD)
    assert len(find_conflicts(NFC, NFD)) == len(PAIRS)
    trained, held = hold_out([row.example for row in (*NFC, *NFD)], 0)
    assert held and shared(_rows(trained), _rows(held)).rows == ()


def _rows(examples: tuple[Example, ...]) -> list[OwnRow]:
    return [OwnRow(one) for one in examples]


def test_answers_are_compared_whatever_the_form() -> None:
    for one, other in zip(NFC, NFD, strict=True):
        assert verbatim(one.example.answer, other.example.answer)
        assert is_refusal(other.example.answer, [one.example.answer])
        assert [piece.differs for piece in pieces(one.example.answer, other.example.answer)] == [
            False
        ]
    twins = [row[0].example.answer for row in (NFC, NFD)]
    row = {"question": "Which?", "choices": ["Torrin", *twins], "answer": 0}
    with pytest.raises(UserError, match="choices B and C are the same"):
        choice_set([Row("rows, 1", row)])


@pytest.fixture
def twins(make_llama: Callable[..., Any], tokenizer: Any) -> list[Any]:
    """The same two sets in both forms, as benchmarks, each evaluated by one model."""
    encoder, found = Encoder(tokenizer), []
    for rows in (NFC, NFD):
        benchmark = own_benchmark(OwnSets(rows[:2], holdout=rows[2:]), encoder)
        found.append((benchmark, evaluate_model(make_llama(), encoder, benchmark)))
    return found


def test_evaluations_are_compared_whatever_the_form(twins: list[Any]) -> None:
    (composed, ours), (decomposed, theirs) = twins
    assert evaluation_hashes(composed) == evaluation_hashes(decomposed)
    assert ours.scores["zlib_bytes"].equals(theirs.scores["zlib_bytes"])
    found = own_metrics(ours, theirs)
    assert found.metrics["forget_quality"] is not None
    assert found.metrics["auc.reference"] is not None and found.metrics["privleak"] is not None
    evaluations = [
        Evaluation(
            name,
            {
                "suite": "own",
                "benchmark": "own data",
                "split": "forget",
                "data": evaluation_hashes(benchmark),
                "max_length": benchmark.max_length,
                **measure("own", SuiteInputs(tables, None))._asdict(),
            },
            tables,
        )
        for name, benchmark, tables in (("a", composed, ours), ("b", decomposed, theirs))
    ]
    assert len(cards(evaluations, "forget")) == 2
    assert Original(evaluations[0]).on_same_rows(decomposed).evaluation is not None
    exact = Tables(ours.scores, ours.generations.assign(generated=theirs.generations["reference"]))
    (first, _) = cards([evaluations[0]._replace(tables=exact)], "forget")
    assert first.answers[0].exact and first.answers[0].score == 1
