"""MUSE from its official files, and from faulty copies of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub import serve
from real_data import data_folder

from simnpo.benchmarks import load_benchmark
from simnpo.benchmarks.muse import HUB, knowmem_prompt, muse
from simnpo.cli.data_options import DataOptions
from simnpo.cli.finetune import Finetune
from simnpo.cli.options import BenchmarkOptions, OutputOptions
from simnpo.cli.prompt_options import PromptOptions
from simnpo.cli.unlearn import Unlearn
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import UserError
from simnpo.evaluation.evaluate import evaluate_model
from simnpo.evaluation.metrics.muse import muse_metrics

QA = [{"question": "Who?", "answer": "Bo"}, {"question": "Where?", "answer": "Hask"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in the official layout, as the current release names its files."""
    files: dict[str, Any] = {
        "raw/forget.json": ["The mill burnt.", "Nobody rebuilt it."],
        "raw/retain1.json": [{"text": "The bridge stands."}],
        "verbmem/forget.json": [{"prompt": "The mill", "gt": " burnt."}],
        "privleak/forget.json": ["The mill burnt."],
        "privleak/holdout.json": ["The well is dry."],
        "scal/forget_2.json": ["The mill burnt.", "A roof fell."],
    }
    files |= {
        f"knowmem/{part}_qa{icl}.json": QA for part in ("forget", "retain") for icl in ("", "_icl")
    }
    files |= {f"sust/forget_{number}.json": [f"Request {number}."] for number in (1, 2, 3, 4)}
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return tmp_path


def test_all_parts_are_read(folder: Path) -> None:
    found = load_benchmark("muse", None, str(folder))
    assert (found.split, found.suite, found.max_length) == ("news", "muse", 2048)
    assert found.forget == (Example(None, "The mill burnt.\n\nNobody rebuilt it."),)
    assert found.retain == (Example(None, "The bridge stands."),)
    assert found.requests == tuple((Example(None, f"Request {n}."),) for n in (1, 2, 3, 4))
    sets = found.evaluation
    assert {name: (one.scored, one.max_new_tokens) for name, one in sets.items()} == {
        "verbmem": (False, 128),
        "knowmem_forget": (False, 32),
        "knowmem_retain": (False, 32),
        "forget": (True, 0),
        "holdout": (True, 0),
    }
    assert sets["verbmem"].cut_reference and sets["verbmem"].verbatim
    assert sets["verbmem"].items[0][:2] == ("The mill", " burnt.")
    assert sets["knowmem_forget"].items[1].question == (
        "Question: Who?\nAnswer: Bo\n\nQuestion: Where?\nAnswer: Hask\n\nQuestion: Where?\nAnswer: "
    )
    assert sets["holdout"].items[0][:2] == (None, "The well is dry.")


def test_the_hub_holds_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(monkeypatch, HUB["news"], folder)
    assert muse("news") == muse("news", str(folder))
    assert {"raw:forget", "raw:retain1", "verbmem:forget", "privleak:holdout"} <= set(asked)
    assert {"knowmem:retain_qa_icl", "sust:forget_4"} <= set(asked)
    assert muse("news-scal2") == muse("news-scal2", str(folder))
    with pytest.raises(UserError, match=r"MUSE-News:scal:forget_3 .*Unknown split 'forget_3'"):
        muse("news-scal3")


def test_a_text_file_is_one_text_and_scalability_has_its_own_forget_set(folder: Path) -> None:
    (folder / "raw" / "retain1.json").unlink()
    (folder / "raw" / "retain1.txt").write_text("The bridge\n\nstands.\n")
    found = muse("news-scal2", str(folder))
    assert found.retain == (Example(None, "The bridge\n\nstands.\n"),)
    assert found.forget == (Example(None, "The mill burnt.\n\nA roof fell."),)
    assert found.requests == ()


def test_official_sample() -> None:
    found = muse("news", str(data_folder("muse_news_sample")))
    assert found.retain == (), "the sample has none"
    sizes = {name: len(asked.items) for name, asked in found.evaluation.items()}
    assert sizes == {
        "verbmem": 40,
        "knowmem_forget": 100,
        "knowmem_retain": 100,
        "forget": 40,
        "holdout": 40,
    }
    assert len(found.requests) == 4
    asked = found.evaluation["knowmem_retain"].items[0].question
    assert asked is not None and asked.count("Question: ") == 11
    assert asked.endswith("after the promotion of Willow-Jean Prime?\nAnswer: ")


def test_the_official_sample_is_scored_by_a_tiny_model(make_llama: Any, tokenizer: Any) -> None:
    from dataclasses import replace

    found = muse("news", str(data_folder("muse_news_sample")))
    few = {
        name: replace(asked, items=asked.items[:3], max_new_tokens=min(4, asked.max_new_tokens))
        for name, asked in found.evaluation.items()
    }
    # Prompts go whole, as the official code has them; three texts suffice.
    few["verbmem"] = replace(
        few["verbmem"],
        items=tuple(
            one._replace(question=str(one.question)[-300:]) for one in few["verbmem"].items
        ),
    )
    few["knowmem_forget"] = replace(few["knowmem_forget"], items=few["knowmem_forget"].items[:1])
    few["knowmem_retain"] = replace(few["knowmem_retain"], items=few["knowmem_retain"].items[:1])
    encoder = Encoder(tokenizer, "plain", max_length=256)
    model = make_llama(max_position_embeddings=2048)  # the longest prompt has 903 tokens
    tables = evaluate_model(model, encoder, replace(found, evaluation=few))
    measured = muse_metrics(tables, None, split="news")
    assert {name for name, value in measured.metrics.items() if value is None} == {"auc.reference"}
    assert np.isfinite(tables.scores["min40_plus_plus"]).all()
    references = tables.generations[tables.generations["set"] == "verbmem"]["reference"]
    for reference, item in zip(references, few["verbmem"].items, strict=True):
        assert 0 < len(reference) < len(item.answer) and item.answer.startswith(reference)


def test_training_without_a_retain_set_says_what_is_missing(folder: Path, tmp_path: Path) -> None:
    (folder / "raw" / "retain1.json").unlink()
    assert muse("news", str(folder)).retain == ()
    chosen = BenchmarkOptions("muse", None, str(folder))
    output = OutputOptions(tmp_path / "out")
    with pytest.raises(UserError, match=r"no retain set \(raw/retain1.json or .txt\)"):
        Unlearn("nowhere", output, sets=DataOptions(benchmark=chosen)).run()
    with pytest.raises(UserError, match=r"no retain set \(raw/retain1.json or .txt\)"):
        Finetune("nowhere", output, part="full", benchmark=chosen).run()


def test_the_length_limit_is_the_benchmarks_unless_given(folder: Path) -> None:
    found = muse("news", str(folder))
    assert PromptOptions().limit(found) == 2048
    assert PromptOptions(max_length=64).limit(found) == 64
    assert PromptOptions().limit() == 512


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("raw/forget.json", None, r"raw/forget.json does not exist"),
        ("privleak/holdout.json", None, r"privleak/holdout.json does not exist"),
        ("knowmem/retain_qa_icl.json", None, r"retain_qa_icl.json does not exist"),
        ("raw/forget.json", "[]", r"raw/forget.json holds no row"),
        ("privleak/forget.json", '["a b", 3]', r"privleak/forget.json, record 2: expected an obje"),
        ("privleak/forget.json", '["a b", " "]', r"record 2: 'text' is empty"),
        ("verbmem/forget.json", '[{"prompt": "a"}]', r"record 1: no column 'gt'"),
        ("knowmem/forget_qa.json", '["Who?"]', r"forget_qa.json, record 1: expected an object"),
        ("sust/forget_3.json", None, r"sust/forget_3.json does not exist"),
        ("scal/forget_2.json", "[", r"scal/forget_2.json, line 1: not JSON"),
    ],
)
def test_faulty_files_are_named_with_the_row(
    folder: Path, name: str, content: str | None, message: str
) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(UserError, match=message):
        muse("news-scal2" if "scal" in name else "news", str(folder))


def test_unknown_splits_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no split 'forget05'; use news, books, news-scal1"):
        muse("forget05")
    with pytest.raises(UserError, match="nothing is not a folder"):
        muse("news", str(tmp_path / "nothing"))


def test_the_prompt_is_the_official_one() -> None:
    assert knowmem_prompt([], "Who?") == "Question: Who?\nAnswer: "
