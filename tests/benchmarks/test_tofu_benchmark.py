"""TOFU from its official files, and from faulty copies of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hub import serve
from real_data import data_folder

from simnpo.benchmarks import load_benchmark
from simnpo.benchmarks.base import Item
from simnpo.benchmarks.mini_tofu.words import REFUSALS as MINIS
from simnpo.benchmarks.tofu import HUB, tofu
from simnpo.benchmarks.tofu_refusals import REFUSALS
from simnpo.data.checks import shared
from simnpo.data.examples import Example
from simnpo.data.normal_text import comparable
from simnpo.data.own_rows import numbered
from simnpo.errors import UserError
from simnpo.evaluation.metrics.refusals import is_refusal

SETS = ["forget", "retain", "real_authors", "world_facts"]


@pytest.mark.parametrize(
    ("split", "forget", "retain", "evaluated"),
    [("forget01", 40, 3960, 40), ("forget05", 200, 3800, 200), ("forget10", 400, 3600, 400)],
)
def test_official_files(split: str, forget: int, retain: int, evaluated: int) -> None:
    benchmark = load_benchmark("tofu", split, str(data_folder("tofu")))
    assert (benchmark.name, benchmark.split) == ("tofu", split)
    assert {asked.max_new_tokens for asked in benchmark.evaluation.values()} == {200}
    assert (len(benchmark.forget), len(benchmark.retain)) == (forget, retain)
    sets = numbered("forget", benchmark.forget), numbered("retain", benchmark.retain)
    assert shared(*sets) == ((), ())
    assert len({*benchmark.forget, *benchmark.retain}) == 4000
    sizes = {name: len(asked.items) for name, asked in benchmark.evaluation.items()}
    assert sizes == dict(zip(SETS, [evaluated, 400, 100, 117], strict=True))
    assert len(benchmark.refusals) == 100
    assert benchmark.refusals[0] == benchmark.refusals[0].strip() != ""
    # Evaluated are the forget set's own questions, and questions of the retain set.
    asked = {Example(item.question, item.answer) for item in benchmark.evaluation["forget"].items}
    assert asked == set(benchmark.forget)


def test_official_answer_variants() -> None:
    sets = load_benchmark("tofu", None, str(data_folder("tofu"))).evaluation
    evaluation = {name: asked.items for name, asked in sets.items()}
    wrong = {name: {len(item.perturbed) for item in items} for name, items in evaluation.items()}
    assert wrong["forget"] == {5}
    assert wrong["retain"] <= {4, 5}
    assert wrong["real_authors"] == wrong["world_facts"] == {3}
    for name, items in evaluation.items():
        paraphrased = {item.paraphrase is not None for item in items}
        assert paraphrased == {name in ("forget", "retain")}
        for item in items:
            assert all(text.strip() for text in (*item.perturbed, item.question, item.answer))


@pytest.mark.parametrize("split", ["forget01", "forget05", "forget10"])
def test_the_hub_holds_the_same(split: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = data_folder("tofu")
    asked = serve(monkeypatch, HUB, folder)
    from_hub, from_folder = tofu(split), tofu(split, str(folder))
    for name in ("forget", "retain", "evaluation", "split", "max_length", "suite"):
        assert getattr(from_hub, name) == getattr(from_folder, name), name
    sets = ["retain_perturbed", "real_authors_perturbed", "world_facts_perturbed"]
    retain = {"forget01": "retain99", "forget05": "retain95", "forget10": "retain90"}[split]
    assert sorted(asked) == sorted([split, retain, f"{split}_perturbed", *sets])
    assert from_hub.refusals == REFUSALS


def test_our_refusals_are_a_hundred_and_our_own() -> None:
    assert len(set(REFUSALS)) == 100
    assert [one for one in REFUSALS if not is_refusal(one)] == []
    theirs = (data_folder("tofu") / "idontknow.jsonl").read_text().splitlines()
    taken = {comparable(one) for one in (*theirs, *MINIS)}
    assert taken.isdisjoint(map(comparable, REFUSALS))


def test_what_the_hub_does_not_give_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, HUB, folder)
    assert len(tofu("forget01").forget) == 1
    (folder / "world_facts_perturbed.json").unlink()
    with pytest.raises(
        UserError, match=r"world_facts_perturbed:train .*'world_facts_perturbed' no"
    ):
        tofu("forget01")
    with pytest.raises(UserError, match="Offline, give a folder with TOFU's files: ``data_dir``"):
        tofu("forget05")


def test_forget05_is_the_default_split() -> None:
    assert len(load_benchmark("tofu", data_dir=str(data_folder("tofu"))).forget) == 200


PAIR: dict[str, Any] = {"question": "Who?", "answer": "Bo"}
EVALUATED = PAIR | {"paraphrased_answer": "It is Bo", "perturbed_answer": ["Ada", "Cy"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every file that forget01 takes, a line each."""
    for name in ("forget01", "retain99"):
        write(tmp_path / f"{name}.json", [PAIR])
    for name in ("forget01", "retain", "real_authors", "world_facts"):
        write(tmp_path / f"{name}_perturbed.json", [EVALUATED])
    return tmp_path


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_small_folder_without_refusals(folder: Path) -> None:
    benchmark = tofu("forget01", str(folder))
    assert benchmark.refusals == REFUSALS
    (item,) = benchmark.evaluation["forget"].items
    assert item == Item("Who?", "Bo", "It is Bo", ("Ada", "Cy"))
    (folder / "idontknow.jsonl").write_text("I don't know.\n\nNo idea.\n")
    assert tofu("forget01", str(folder)).refusals == ("I don't know.", "No idea.")


def test_one_wrong_answer_may_be_plain_text_and_a_paraphrase_may_lack(folder: Path) -> None:
    write(folder / "world_facts_perturbed.json", [PAIR | {"perturbed_answer": "Ada"}])
    (item,) = tofu("forget01", str(folder)).evaluation["world_facts"].items
    assert item == Item("Who?", "Bo", None, ("Ada",))


@pytest.mark.parametrize(
    "name",
    [
        "forget01.json",
        "retain99.json",
        "forget01_perturbed.json",
        "retain_perturbed.json",
        "real_authors_perturbed.json",
        "world_facts_perturbed.json",
    ],
)
def test_missing_empty_and_malformed_files_are_named(folder: Path, name: str) -> None:
    path = folder / name
    good = path.read_text()
    path.write_text(good + "\n" + good[:-5] + "\n")
    with pytest.raises(UserError, match=rf"{name}, line 3: not JSON"):
        tofu("forget01", str(folder))
    path.write_text("")
    with pytest.raises(UserError, match=rf"{name} holds no row"):
        tofu("forget01", str(folder))
    path.unlink()
    with pytest.raises(UserError, match=rf"{name} does not exist"):
        tofu("forget01", str(folder))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"perturbed_answer": None}, "perturbed_answer"),
        ({"perturbed_answer": []}, "perturbed_answer"),
        ({"perturbed_answer": 5}, "perturbed_answer"),
        ({"perturbed_answer": ["Ada", None]}, "perturbed_answer"),
        ({"perturbed_answer": ["Ada", " "]}, "perturbed_answer"),
        ({"perturbed_answer": {"a": "Ada"}}, "perturbed_answer"),
        ({"paraphrased_answer": None}, "paraphrased_answer"),
        ({"answer": ""}, "answer"),
        ({"question": 3}, "question"),
    ],
)
def test_faulty_rows_are_named_with_their_line(
    folder: Path, change: dict[str, Any], words: str
) -> None:
    name = "retain_perturbed.json"
    write(folder / name, [EVALUATED, EVALUATED | change])
    with pytest.raises(UserError, match=rf"{name}, line 2: .*'{words}'"):
        tofu("forget01", str(folder))


def test_a_missing_column_is_named_with_those_there(folder: Path) -> None:
    write(folder / "forget01_perturbed.json", [PAIR])
    with pytest.raises(UserError, match=r"line 1: no 'perturbed_answer'; it has \['answer', 'que"):
        tofu("forget01", str(folder))
    write(folder / "forget01.json", [{"question": "Who?"}])
    with pytest.raises(UserError, match=r"forget01\.json, line 1: no column 'answer'"):
        tofu("forget01", str(folder))


def test_unknown_splits_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'forget02'; use forget01, forget05, forget10"):
        tofu("forget02", str(tmp_path))
    with pytest.raises(UserError, match="nowhere is not a folder"):
        tofu("forget01", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="unknown benchmark 'toffu'; there are tofu"):
        load_benchmark("toffu")
