import math

import numpy as np
import pandas as pd
import pytest
from tiny_tofu import SETS, generations, item_rows, scores, tiny_tables

from simnpo.errors import UserError
from simnpo.evaluation.metrics.tofu import per_item, tofu_metrics
from simnpo.evaluation.tables import Tables


def without(tables: Tables, table: str, name: str) -> Tables:
    rows = getattr(tables, table)
    return tables._replace(**{table: rows[rows["set"] != name]})


def shuffled(tables: Tables, seed: int) -> Tables:
    return Tables(*(table.sample(frac=1, random_state=seed) for table in tables))


def test_every_number_by_hand() -> None:
    log = math.log
    rows = item_rows("forget", 0, log(0.5), [log(0.2), log(0.05)], log(0.5), tokens=7)
    rows += item_rows("forget", 1, log(0.1), [log(0.8), log(0.2)], log(0.2), tokens=3)
    rows += item_rows("retain", 0, log(0.8), [log(0.2), log(0.2)], log(0.4))
    rows += item_rows("real_authors", 0, log(0.4), [log(0.1), log(0.1), log(0.2)])
    rows += item_rows("world_facts", 0, log(0.5), [log(0.5)])
    rows += item_rows("world_facts", 1, log(0.4), [log(0.1)])
    texts = generations(
        [
            ("forget", 0, "one two three four", "one two"),
            ("forget", 1, "one two three four", "five"),
            ("retain", 0, "one two", "one two"),
            ("real_authors", 0, "one two three four", "four"),
            ("world_facts", 0, "one", "one"),
            ("world_facts", 1, "one", "two"),
        ]
    )
    result = tofu_metrics(Tables(scores(rows), texts), None)
    expected = {
        "forget.probability": (0.5 + 0.1) / 2,
        "forget.rouge_l": (0.5 + 0) / 2,
        "forget.truth_ratio": (0.1 / 0.5 + 0.2 / 0.4) / 2,  # R = 0.2 and 2
        "retain.probability": 0.8,
        "retain.rouge_l": 1.0,
        "retain.truth_ratio": 1 - 0.2 / 0.4,
        "real_authors.probability": 0.4 / 0.8,
        "real_authors.rouge_l": 0.25,
        "real_authors.truth_ratio": 1 - 0.002 ** (1 / 3) / 0.4,
        "world_facts.probability": (0.5 + 0.8) / 2,
        "world_facts.rouge_l": 0.5,
        "world_facts.truth_ratio": (0 + 0.75) / 2,
    }
    nine = [value for key, value in expected.items() if not key.startswith("forget")]
    expected["model_utility"] = 9 / sum(1 / value for value in nine)
    for key, value in expected.items():
        assert result.metrics[key] == pytest.approx(value), key
    assert set(result.metrics) - set(expected) == {
        "forget_quality",
        "forget_quality_statistic",
        "forget_quality_log10_p",
    }
    assert result.items == {"forget": 2, "retain": 1, "real_authors": 1, "world_facts": 2}
    assert result.aggregation == "geometric"


def test_arithmetic_aggregation_by_hand() -> None:
    result = tofu_metrics(
        Tables(
            scores(item_rows("retain", 0, -1.0, [math.log(0.3), math.log(0.1)], math.log(0.5))),
            generations([]),
        ),
        None,
        "arithmetic",
    )
    assert result.metrics["retain.truth_ratio"] == pytest.approx(1 - 0.2 / 0.5)
    assert result.aggregation == "arithmetic"


@pytest.mark.parametrize("aggregation", ["geometric", "arithmetic"])
def test_row_order_is_of_no_account(aggregation: str) -> None:
    tables = tiny_tables()
    expected = tofu_metrics(tables, tables, aggregation)
    for seed in range(3):
        found = tofu_metrics(shuffled(tables, seed), shuffled(tables, seed + 7), aggregation)
        assert found == expected
        pd.testing.assert_frame_equal(
            per_item(shuffled(tables, seed), aggregation), per_item(tables, aggregation)
        )


def test_token_counts_cancel_at_the_same_average() -> None:
    tables = tiny_tables()
    longer = tables.scores.assign(
        logprob=tables.scores["logprob"] * 5, tokens=tables.scores["tokens"] * 5
    )
    longer_metrics = tofu_metrics(Tables(longer, tables.generations), None).metrics
    assert longer_metrics == pytest.approx(tofu_metrics(tables, None).metrics)


def test_per_item_means_are_the_set_metrics() -> None:
    tables = tiny_tables()
    rows = per_item(tables)
    assert list(rows.columns) == ["set", "item", "probability", "truth_ratio", "rouge_l"]
    assert rows["set"].tolist() == [name for name in SETS for _ in range(2)]
    metrics = tofu_metrics(tables, None).metrics
    for name, found in rows.groupby("set"):
        ratio = found["truth_ratio"]
        expected = np.minimum(ratio, 1 / ratio) if name == "forget" else np.maximum(0, 1 - ratio)
        assert metrics[f"{name}.truth_ratio"] == pytest.approx(expected.mean())
        assert metrics[f"{name}.probability"] == pytest.approx(found["probability"].mean())
        assert metrics[f"{name}.rouge_l"] == pytest.approx(found["rouge_l"].mean())


def test_without_a_retain_model_forget_quality_is_missing_and_said_so() -> None:
    result = tofu_metrics(tiny_tables(), None)
    for key in ("forget_quality", "forget_quality_statistic", "forget_quality_log10_p"):
        assert result.metrics[key] is None
    assert result.forget_quality_items is None
    assert len(result.notes) == 1
    assert "forget_quality is missing" in result.notes[0]
    assert "--retain-scores" in result.notes[0]


def test_a_set_that_was_not_generated_has_no_rouge_and_no_utility() -> None:
    tables = without(tiny_tables(), "generations", "retain")
    result = tofu_metrics(tables, tables)
    assert result.metrics["retain.rouge_l"] is None
    assert result.metrics["model_utility"] is None
    assert result.metrics["retain.probability"] is not None
    assert any("retain.rouge_l is missing: no answers" in note for note in result.notes)
    assert any("model_utility is missing: it needs retain.rouge_l." in n for n in result.notes)
    rouge = per_item(tables).set_index("set")["rouge_l"]
    assert rouge["retain"].isna().all()
    assert rouge.drop("retain").notna().all()


def test_a_reference_without_words_leaves_rouge_undefined() -> None:
    tables = tiny_tables()
    texts = tables.generations.copy()
    texts.loc[3, "reference"] = "…"
    result = tofu_metrics(Tables(tables.scores, texts), None)
    assert result.metrics["retain.rouge_l"] is None
    note = (
        "retain.rouge_l is missing: it cannot score 1 of 2 rows, whose true answers have no letter "
        "and no digit (first: item 1)."
    )
    assert note in result.notes
    texts.loc[texts["set"] == "retain", "reference"] = "…"
    result = tofu_metrics(Tables(tables.scores, texts), None)
    assert note.replace("1 of 2", "2 of 2").replace("item 1", "item 0") in result.notes


def test_a_set_that_was_not_scored_is_missing_and_said_so() -> None:
    for name in SETS:
        result = tofu_metrics(without(tiny_tables(), "scores", name), tiny_tables())
        assert result.metrics[f"{name}.probability"] is None
        assert name not in result.items
        assert (result.metrics["model_utility"] is None) == (name != "forget")
        assert (result.metrics["forget_quality"] is None) == (name == "forget")
        assert any(f"the set {name} was not evaluated" in note for note in result.notes)


def test_tables_of_something_else_are_refused() -> None:
    tables = tiny_tables()
    with pytest.raises(UserError, match="none of the sets"):
        tofu_metrics(tables._replace(scores=tables.scores.assign(set="bio")), None)
    with pytest.raises(UserError, match=r"scores table lacks the columns \['logprob'\]"):
        tofu_metrics(tables._replace(scores=tables.scores.drop(columns="logprob")), None)
    with pytest.raises(UserError, match=r"generations table lacks the columns \['reference'\]"):
        tofu_metrics(
            tables._replace(generations=tables.generations.drop(columns="reference")), None
        )


def test_a_repeated_or_unscored_generation_is_named() -> None:
    tables = tiny_tables()
    texts = tables.generations
    with pytest.raises(UserError, match="retain set, item 1 appears twice in the generations"):
        tofu_metrics(tables._replace(generations=pd.concat([texts, texts.iloc[[3]]])), None)
    with pytest.raises(UserError, match="retain set, item 1 is in only one of"):
        tofu_metrics(tables._replace(generations=texts.drop(index=3)), None)
    extra = generations([("retain", 9, "a", "b")])
    with pytest.raises(UserError, match="retain set, item 9 is in only one of"):
        tofu_metrics(tables._replace(generations=pd.concat([texts, extra])), None)
