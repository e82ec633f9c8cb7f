"""WMDP from a folder: its questions beside MMLU's, and its corpora, loaded apart."""

from pathlib import Path

import datasets
import pandas as pd
import pytest
from small_data import write_rows

from simnpo.benchmarks import load_benchmark
from simnpo.benchmarks.wmdp import LONGEST, wmdp
from simnpo.data.rows import read_file
from simnpo.errors import UserError

ROW = {"question": "Q?", "choices": ["a", "b", "c", "d"], "answer": 2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("bio", "cyber", "chem"):
        write_rows(tmp_path / f"wmdp-{name}.jsonl", [ROW | {"question": f"{name}?"}])
    (tmp_path / "all").mkdir()  # as the hub has MMLU's test questions
    mmlu = pd.DataFrame([ROW | {"subject": "abstract_algebra"}] * 2)
    mmlu.to_parquet(tmp_path / "all" / "test-00000-of-00001.parquet")
    write_rows(tmp_path / "bio-forget-corpus.jsonl", [{"text": "b" * 51, "title": "t"}])
    write_rows(tmp_path / "cyber-forget-corpus.jsonl", [{"text": "c" * 5000}])
    texts = ("", "= Head =", "w" * 50, "k" * 60)
    write_rows(tmp_path / "wikitext.jsonl", [{"text": text} for text in texts])
    return tmp_path


def test_bio_beside_mmlu(folder: Path) -> None:
    loaded = load_benchmark("wmdp", None, str(folder))
    assert (loaded.split, loaded.suite, loaded.utility_sets) == (
        "bio",
        "multiple_choice",
        ("mmlu",),
    )
    assert {name: len(asked.items) for name, asked in loaded.evaluation.items()} == {
        "wmdp_bio": 1,
        "mmlu": 2,
    }
    first = "The following are multiple choice questions (with answers) about {}.\n\n{}?\nA. a\n"
    asked = {name: str(one.items[0].question) for name, one in loaded.evaluation.items()}
    assert asked["wmdp_bio"].startswith(first.format("biology", "bio"))
    assert asked["mmlu"].startswith(first.format("abstract algebra", "Q"))
    assert [one.answer for one in loaded.forget] == ["b" * 51]


def test_short_texts_are_left_out_and_long_ones_cut(folder: Path) -> None:
    loaded = wmdp("bio-cyber", str(folder))
    assert [one.answer for one in loaded.retain] == ["k" * 60]
    assert [one.answer for one in loaded.forget] == ["b" * 51, "c" * LONGEST]
    assert [one.topic for one in loaded.forget] == ["bio", "cyber"]
    assert all(one.question is None for one in (*loaded.forget, *loaded.retain))
    assert list(loaded.evaluation) == ["wmdp_bio", "wmdp_cyber", "mmlu"]


def test_the_hub_holds_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        ("cais/wmdp", "wmdp-bio", "test"): folder / "wmdp-bio.jsonl",
        ("cais/wmdp", "wmdp-cyber", "test"): folder / "wmdp-cyber.jsonl",
        ("cais/mmlu", "all", "test"): folder / "all" / "test-00000-of-00001.parquet",
        ("cais/wmdp-bio-forget-corpus", None, "train"): folder / "bio-forget-corpus.jsonl",
        ("cais/wmdp-corpora", "cyber-forget-corpus", "train"): folder / "cyber-forget-corpus.jsonl",
        ("Salesforce/wikitext", "wikitext-2-raw-v1", "test"): folder / "wikitext.jsonl",
    }

    def load(path: str, config: str | None = None, *, split: str) -> datasets.Dataset:
        rows = read_file(files[path, config, split])
        return datasets.Dataset.from_list([row.values for row in rows])

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert wmdp("bio-cyber") == wmdp("bio-cyber", str(folder))


def test_an_evaluation_needs_no_corpus_and_training_no_question(folder: Path) -> None:
    (folder / "bio-forget-corpus.jsonl").unlink()
    assert wmdp("bio", str(folder), "evaluation").forget == ()
    with pytest.raises(UserError, match=r"no bio-forget-corpus: expected bio-forget-corpus\.jsonl"):
        wmdp("bio", str(folder))
    (folder / "wmdp-cyber.jsonl").unlink()
    assert len(wmdp("cyber", str(folder), "training").forget) == 1
    with pytest.raises(UserError, match="no wmdp-cyber"):
        wmdp("cyber", str(folder), "evaluation")


def test_chemistry_has_questions_alone(folder: Path) -> None:
    assert "chemistry" in str(
        wmdp("chem", str(folder), "evaluation").evaluation["wmdp_chem"].items[0].question
    )
    with pytest.raises(UserError, match="no corpus for chem"):
        wmdp("chem", str(folder))


def test_faults_are_named(folder: Path) -> None:
    with pytest.raises(UserError, match="no split 'physics'; use bio, cyber"):
        wmdp("physics", str(folder))
    with pytest.raises(UserError, match="is not a folder"):
        wmdp("bio", str(folder / "none"))
    write_rows(folder / "wikitext.jsonl", [{"text": "short"}])
    with pytest.raises(UserError, match="no text has more than 50 characters"):
        wmdp("bio", str(folder))
    write_rows(folder / "wikitext.jsonl", [{"body": "x" * 99}])
    with pytest.raises(UserError, match=r"wikitext\.jsonl, line 1: no column 'text'"):
        wmdp("bio", str(folder))
    write_rows(folder / "wmdp-bio.jsonl", [ROW, ROW | {"answer": 4}])
    with pytest.raises(UserError, match=r"wmdp-bio\.jsonl, line 2: 'answer' is 4"):
        wmdp("bio", str(folder), "evaluation")


def test_without_a_folder_and_without_the_hub() -> None:
    with pytest.raises(UserError, match=r"cais/wmdp:wmdp-bio:test .*If it is gated.*``data_dir``"):
        wmdp("bio", None, "evaluation")
