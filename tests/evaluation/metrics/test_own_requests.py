"""Several requests in one evaluation: each one's rows, and the verdict on the first ones."""

from own_tables import Row, tables

from simnpo.evaluation.metrics.own import own_metrics
from simnpo.evaluation.metrics.own_evaluation import OwnEvaluation
from simnpo.evaluation.metrics.own_requests import about_first, with_requests
from simnpo.evaluation.metrics.verdict import judge
from simnpo.evaluation.tables import Tables

TRUE = ["Ada lives in Torrin", "Bo lives in Hask", "Cy lives in Lune"]
KEPT = [Row("Di keeps bees", "Di keeps bees", 0.9)]
SIZES = {"request_1": 2, "request_2": 1}


def evaluated(answers: list[str], probability: float) -> OwnEvaluation:
    rows = [Row(*pair, probability) for pair in zip(TRUE, answers, strict=True)]
    made = tables({"forget": rows, "retain": KEPT})
    made = Tables(*(with_requests(table, SIZES) for table in made))
    found = own_metrics(made, identifiers={"forget": ((), ("Hask",), ("Lune",))})
    return OwnEvaluation(found.metrics, found.counts, made)


def test_each_requests_rows_are_a_set_of_their_own() -> None:
    found = evaluated(["nobody knows", TRUE[1], TRUE[2]], 0.5)
    assert found.counts["forget.verbatim"] == (2, 3)
    assert found.counts["request_1.verbatim"] == (1, 2)
    assert found.counts["request_2.verbatim"] == (1, 1)
    second = found.tables.scores[found.tables.scores["set"] == "request_2"]
    assert list(second["item"]) == [0] and second["item"].dtype == "int64"


def test_a_table_without_the_forget_set_stays_as_it_is() -> None:
    generations = tables({"retain": KEPT}).generations
    assert with_requests(generations, SIZES) is generations


def test_a_verdict_on_the_first_requests_leaves_out_the_others() -> None:
    before, after = evaluated(TRUE, 0.9), evaluated(["nobody", "someone in Hask", TRUE[2]], 0.1)
    secrets = {"forget": ((), ("Hask",), ("Lune",))}
    on_first = [about_first(one, 2, secrets) for one in (before, after)]
    assert on_first[0].counts["forget.verbatim"] == (2, 2)
    assert on_first[1].counts["forget.verbatim"] == (0, 2)
    assert on_first[1].counts["forget.leaked"] == (1, 2)  # by the names that the data give
    assert on_first[1].counts["retain.verbatim"] == (1, 1)  # of other sets all is as it was
    verdict = judge(*on_first)
    assert verdict.sentence.startswith("NOT FORGOTTEN: 1 of 2 answers still give away")
