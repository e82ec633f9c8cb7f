import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hmean, ks_2samp
from tiny_tofu import tiny_log

from simnpo.errors import UserError
from simnpo.evaluation.metrics.official_logs import (
    LOSSES,
    SETS,
    TEXTS,
    parse_official_log,
    read_official_log,
)
from simnpo.evaluation.metrics.tofu import per_item, tofu_metrics
from simnpo.evaluation.tables import GENERATION_COLUMNS, SCORE_COLUMNS

KEYS = [key for pair in LOSSES.values() for key in pair] + [TEXTS]
PARTS = st.sampled_from(list(SETS))
FindLog = Callable[[str], Path]


def as_dicts(log: dict[str, Any]) -> dict[str, Any]:
    """The same log with values keyed by item number, last item first."""
    return {
        part: {
            key: {str(item): value for item, value in reversed(list(enumerate(values)))}
            for key, values in keys.items()
        }
        for part, keys in log.items()
    }


def test_tables_by_hand() -> None:
    tables = parse_official_log(tiny_log(), "log.json")
    assert list(tables.scores.columns) == list(SCORE_COLUMNS)
    assert sorted(tables.generations.columns) == sorted(GENERATION_COLUMNS)
    assert set(tables.scores["set"]) == {"forget", "retain", "real_authors", "world_facts"}
    found = tables.scores.set_index(["set", "item", "variant", "index"])
    assert len(found) == 4 * 3 * (1 + 1 + 2)
    assert found.loc[("forget", 1, "answer", 0), ["logprob", "tokens"]].tolist() == [-6.0, 4]
    assert found.loc[("retain", 2, "paraphrase", 0), ["logprob", "tokens"]].tolist() == [-13.0, 5]
    assert found.loc[("forget", 1, "perturbed", 1), ["logprob", "tokens"]].tolist() == [-3.0, 4]
    assert found[["matches", "tail_matches", "min40_logprob"]].isna().all(axis=None)
    text = tables.generations.set_index(["set", "item"]).loc[("world_facts", 2)]
    assert text.to_dict() == {
        "question": "Question 2?",
        "reference": "true 2",
        "generated": "said 2",
    }


def test_lists_and_dicts_say_the_same() -> None:
    lists, dicts = (parse_official_log(log, "x") for log in (tiny_log(12), as_dicts(tiny_log(12))))
    pd.testing.assert_frame_equal(lists.scores, dicts.scores)
    pd.testing.assert_frame_equal(lists.generations, dicts.generations)


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("[INST] Who [really] wrote it? [/INST]", "Who [really] wrote it?"),
        (" [INST] Who?[/INST] ", "Who?"),
        ("Question: Who?\n", "Who?"),
        ("Question: Who?\nAnswer: ", "Who?"),
        ("Who?", "Who?"),
    ],
)
def test_the_question_of_a_prompt(prompt: str, question: str) -> None:
    log = tiny_log()
    log["eval_log.json"][TEXTS] = [[prompt, "b", "c"]] * 3
    texts = parse_official_log(log, "x").generations
    assert set(texts.loc[texts["set"] == "retain", "question"]) == {question}


def test_files_that_are_no_logs(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    with pytest.raises(UserError, match=r"log.json does not exist"):
        read_official_log(path)
    path.write_text("{\n")
    with pytest.raises(UserError, match=r"log.json, line 2: not JSON"):
        read_official_log(path)
    path.write_text("[1, 2]")
    with pytest.raises(UserError, match="not a merged TOFU log: expected an object, got list"):
        read_official_log(path)
    path.write_text(json.dumps(tiny_log()["eval_log.json"]))  # one part, not merged
    with pytest.raises(UserError, match=r"lacks the keys \['eval_log_forget.json', 'eval_log.json"):
        read_official_log(path)


@given(PARTS, st.booleans())
def test_a_dropped_part_is_named(part: str, dicts: bool) -> None:
    log = as_dicts(tiny_log()) if dicts else tiny_log()
    del log[part]
    with pytest.raises(UserError, match=part):
        parse_official_log(log, "x")


@given(PARTS, st.sampled_from(KEYS), st.booleans())
def test_a_dropped_key_is_named(part: str, key: str, dicts: bool) -> None:
    log = as_dicts(tiny_log()) if dicts else tiny_log()
    del log[part][key]
    with pytest.raises(UserError, match=f"x, {part} .*lacks the keys .*{key}"):
        parse_official_log(log, "x")


@given(PARTS, st.sampled_from(KEYS), st.integers(0, 2), st.booleans())
def test_a_dropped_item_is_refused(part: str, key: str, item: int, dicts: bool) -> None:
    log = as_dicts(tiny_log()) if dicts else tiny_log()
    log[part][key] = copy.copy(log[part][key])
    del log[part][key][str(item) if dicts else item]
    named = key if key != TEXTS else "gt_loss"  # all the others then differ from the texts
    with pytest.raises(UserError, match=f"{part}, {named} has . items and {TEXTS} has ."):
        parse_official_log(log, "x")


@given(
    PARTS,
    st.sampled_from(KEYS),
    st.sampled_from([None, "0.5", True, float("nan"), float("inf"), -1, {}, [], [[1.0]]]),
)
def test_a_value_of_the_wrong_kind_is_named(part: str, key: str, bad: Any) -> None:
    log = tiny_log()
    log[part][key] = [*log[part][key][:2], bad]
    with pytest.raises(UserError, match=f"x, {part}, {key}, item 2: expected"):
        parse_official_log(log, "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(PARTS, st.sampled_from([None, *KEYS]), JSON)
def test_anything_at_all_is_read_or_refused(part: str, key: str | None, anything: Any) -> None:
    log: dict[str, Any] = tiny_log()
    if key is None:
        log[part] = anything
    else:
        log[part][key] = anything
    try:
        tables = parse_official_log(log, "x")
    except UserError as error:
        assert str(error).startswith(f"x, {part}")
    else:  # e.g. three zeros are losses
        assert tables.scores[["logprob", "tokens"]].notna().all(axis=None)


def test_keys_that_are_no_item_numbers() -> None:
    log: dict[str, Any] = tiny_log()
    log["eval_log.json"]["gt_loss"] = {"0": 1.0, "1": 1.0, "two": 1.0}
    with pytest.raises(UserError, match=r"gt_loss: the keys must be item numbers.*'two'"):
        parse_official_log(log, "x")


def test_unequal_wrong_answers_and_tokens() -> None:
    log = tiny_log()
    log["eval_log.json"]["num_token_perturb"] = [[3, 4], [3, 4], [3]]
    with pytest.raises(UserError, match="2 values for item 2 and num_token_perturb has 1"):
        parse_official_log(log, "x")


def plain_metrics(log: dict[str, Any], aggregation: str) -> dict[str, float]:
    """TOFU's metrics from the log's own averages, without any code of the package."""
    metrics = {}
    for part, name in SETS.items():
        values = log[part]
        right = np.exp(-np.array(values["avg_gt_loss"]))
        wrong_losses = np.array(values["average_perturb_loss"])
        paraphrase = np.exp(-np.array(values["avg_paraphrased_loss"]))
        if aggregation == "geometric":
            ratio = np.exp(-wrong_losses.mean(axis=1)) / paraphrase
        else:
            ratio = np.exp(-wrong_losses).mean(axis=1) / paraphrase
        choice = name in ("real_authors", "world_facts")
        share = right / (right + np.exp(-wrong_losses).sum(axis=1))
        metrics[f"{name}.probability"] = float((share if choice else right).mean())
        metrics[f"{name}.rouge_l"] = float(np.mean(values["rougeL_recall"]))
        scored = np.minimum(ratio, 1 / ratio) if name == "forget" else np.maximum(0, 1 - ratio)
        metrics[f"{name}.truth_ratio"] = float(scored.mean())
    nine = [value for key, value in metrics.items() if not key.startswith("forget")]
    return {**metrics, "model_utility": float(hmean(nine))}


@pytest.mark.parametrize(
    ("name", "aggregation", "utility"),
    [
        ("retain90", "arithmetic", 0.582192),
        ("retain90", "geometric", 0.620344),
        ("retain95", "arithmetic", 0.581111),
        ("retain95", "geometric", 0.617642),
    ],
)
def test_published_models(
    official_log: FindLog, name: str, aggregation: str, utility: float
) -> None:
    path = official_log(name)
    tables = read_official_log(path)
    result = tofu_metrics(tables, tables, aggregation)
    assert result.metrics["model_utility"] == pytest.approx(utility, abs=1e-6)
    expected = plain_metrics(json.loads(path.read_text()), aggregation)
    for key, value in expected.items():
        assert result.metrics[key] == pytest.approx(value, abs=1e-6), key
    assert result.metrics["forget_quality"] == 1.0
    assert result.metrics["forget_quality_statistic"] == 0.0
    forget_items = {"retain90": 300, "retain95": 200}[name]
    assert result.forget_quality_items == forget_items
    assert result.items == {
        "forget": forget_items,
        "retain": 300,
        "real_authors": 100,
        "world_facts": 117,
    }
    assert result.notes == []


def test_published_items(official_log: FindLog) -> None:
    path = official_log("retain95")
    forget = json.loads(path.read_text())["eval_log_forget.json"]
    found = per_item(read_official_log(path))
    rows = found[found["set"] == "forget"]
    assert rows["rouge_l"].to_numpy() == pytest.approx(forget["rougeL_recall"], abs=1e-6)
    wrong = np.array(forget["average_perturb_loss"]).mean(axis=1)
    ratio = np.exp(np.array(forget["avg_paraphrased_loss"]) - wrong)
    assert rows["truth_ratio"].to_numpy() == pytest.approx(ratio, rel=1e-5)


def test_logs_of_different_splits_do_not_compare(official_log: FindLog) -> None:
    retain90, retain95 = (
        read_official_log(official_log(name)) for name in ("retain90", "retain95")
    )
    with pytest.raises(UserError, match="another forget set: the true answer of item 0"):
        tofu_metrics(retain90, retain95)


@pytest.mark.parametrize("factor", [0.97, 0.8, 1.5])
def test_forget_quality_of_a_changed_log(official_log: FindLog, factor: float) -> None:
    path = official_log("retain90")
    log = json.loads(path.read_text())
    retain = parse_official_log(log, "retain")
    part = log["eval_log_forget.json"]
    wrong = np.array(part["average_perturb_loss"]).mean(axis=1)
    paraphrase = np.array(part["avg_paraphrased_loss"])
    expected = ks_2samp(np.exp(wrong - factor * paraphrase), np.exp(wrong - paraphrase))
    part["paraphrased_loss"] = [factor * loss for loss in part["paraphrased_loss"]]
    result = tofu_metrics(parse_official_log(log, "changed"), retain)
    assert expected.pvalue < 0.9
    assert result.metrics["forget_quality"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.metrics["forget_quality_statistic"] == pytest.approx(expected.statistic)
