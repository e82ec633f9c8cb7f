"""Commands on a user's own files: attacks, evaluations over epochs, comparisons, plans."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_data import write_rows

from simnpo.evaluation.history import read_history


@pytest.fixture
def own(files: Any, one_prompt: None) -> list[Any]:
    return ["--forget", files.forget, "--retain", files.retain]


def unlearned(simnpo: Any, model: Path, out: Path, *options: Any) -> Any:
    done = simnpo("unlearn", "--model", model, *options, "--learning-rate", 1e-3, "--out", out)
    assert done.code == 0, done.err
    return done


def test_relearning(
    simnpo: Any, own: list[Any], model_folder: Path, tmp_path: Path, in_process: Any
) -> None:
    template = "Q: {question}\nA: {answer}"
    run, out = tmp_path / "run", tmp_path / "attack"
    unlearned(simnpo, model_folder, run, *own, "--steps", 1, "--no-report", "--template", template)
    command = [
        "attack", "relearn", "--model", run, *own, "--epochs", 1, "--seeds", 1,
        "--fraction", 0.5, "--max-items", 2, "--out", out,
    ]  # fmt: skip
    done = simnpo(*command)
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert "a random 50 %: Share of forget answers that come out goes from 0 % to 0 %" in said
    table = pd.read_parquet(out / "relearn.parquet")
    assert {"forget.extracted", "forget.probability", "retain.rouge_l"} <= set(table["metric"])
    assert set(table["epoch"]) == {0, 1}
    record = json.loads((out / "run.json").read_text())
    assert record["config"]["template"] == template  # as the model's own run
    assert record["config"]["batch_size"] == 4
    assert record["config"]["learning_rate"] > 1e-4  # of a model so small
    page = (out / "report.html").read_text()
    assert "Relearning own data forget.jsonl" in page and "Your sets are measured" in page
    assert "Nothing to do" in simnpo(*command, "--resume").out


def test_quantizing_an_adapter_on_texts(
    simnpo: Any, model_folder: Path, examples: Any, tmp_path: Path
) -> None:
    story = [{"text": " ".join(f"{one.question} {one.answer}" for one in examples)}]
    other = [{"text": one.answer} for one in examples[2:]]
    forget = write_rows(tmp_path / "story.jsonl", story)
    retain = write_rows(tmp_path / "other.jsonl", other)
    own = ["--forget", forget, "--retain", retain]
    run, out = tmp_path / "run", tmp_path / "attack"
    unlearned(simnpo, model_folder, run, *own, "--steps", 1, "--no-report", "--lora-rank", 2)
    done = simnpo(
        "attack", "quantize", "--model", run, "--retrain", model_folder, *own, "--bits", 4,
        "--scores-only", "--out", out,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "4 bits: Probability of the forget answers goes from" in " ".join(done.out.split())
    assert "Retain set: probability of the answers" in (out / "report.html").read_text()
    table = pd.read_parquet(out / "quantize.parquet")
    assert {"forget.probability", "forget_quality"} <= set(table["metric"])


def test_evaluation_over_epochs_and_comparison(
    simnpo: Any, own: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    unlearned(
        simnpo, model_folder, one, *own, "--steps", 2, "--until", "end", "--evaluate-epochs", 1
    )
    history = read_history(one / "history.jsonl")
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert history[0]["kept_share"] == pytest.approx(1)
    assert {"forget.extracted", "forget.leaked", "retain.rouge_l"} <= set(history[1])
    assert "Over epochs" in (one / "report.html").read_text()

    shutil.copytree(one, two)
    done = simnpo("compare", one / "before", one, two, "--out", tmp_path / "compared")
    assert done.code == 0, done.err
    assert all(name in done.out for name in ("Before", "one", "two"))
    stored = {one.suffix: one for one in (tmp_path / "compared" / "tables").iterdir()}
    assert set(stored) == {".csv", ".md", ".tex"}
    for form, kind in (("csv", ".csv"), ("markdown", ".md"), ("latex", ".tex")):
        again = ("compare", one, two, "--out", tmp_path / form, f"--{form}")
        printed = simnpo(*again)
        assert printed.code == 0 and "Report: " in printed.err
        assert printed.out == (tmp_path / form / "tables" / f"comparison{kind}").read_text()
        assert "one" in printed.out and "two" in printed.out
    both = simnpo("compare", one, "--out", tmp_path / "both", "--csv", "--latex")
    assert both.code == 1 and "give one" in both.err and not (tmp_path / "both").exists()
    path = two / "evaluation" / "summary.json"
    summary = json.loads(path.read_text())
    # A file's name does not matter, its rows do.
    path.write_text(json.dumps(summary | {"split": "renamed.jsonl"}))
    assert simnpo("compare", one, two, "--out", tmp_path / "renamed").code == 0
    path.write_text(json.dumps(summary | {"data": summary["data"] | {"forget": "0"}}))
    refused = simnpo("compare", one, two, "--out", tmp_path / "other")
    assert refused.code == 1 and "measured on different forget sets" in refused.err
    assert refused.err.count("\n") == 1


def test_a_plan_counts_the_rows(
    simnpo: Any, own: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    plan = ["plan", "--model", model_folder, *own, "--tflops", 0.1]
    done = simnpo(*plan)
    assert done.code == 0, done.err
    assert "Forget set" in done.out and "4 rows, " in done.out
    assert "60 steps of 10 rows" in done.out and "never trained on" in done.out
    assert "Measurements: " in done.out and "of training" in done.out
    one = write_rows(tmp_path / "one.jsonl", [{"question": "Who is Ed Fane?", "answer": "Ed."}])
    assert " 1 row, " in simnpo(*plan[:3], "--forget", one, *own[2:], *plan[-2:]).out
    bare = simnpo(*plan, "--no-report", "--epochs", 3, "--batch-size", 2)
    assert "6 steps of 2 rows" in bare.out and "Measurements" not in bare.out
    assert "never trained on" not in bare.out
    for options, words in (
        (["--examples", 3], "--examples does nothing with --forget"),
        (["--max-items", 0], "--max-items 0: must be at least 1"),
    ):
        assert words in simnpo(*plan, *options).err
    for options, words in (
        (["--no-report"], "--no-report does nothing without --forget"),
        (["--retain", "x"], "give --forget FILE"),
    ):
        assert words in simnpo(*plan[:3], *options).err


def test_a_plan_counts_what_is_measured(simnpo: Any, own: list[Any], model_folder: Path) -> None:
    """Task Vector edits weights: there is a before and an after, and nothing in between."""
    plan = ["plan", "--model", model_folder, *own, "--tflops", 0.1]
    trained, edited = simnpo(*plan), simnpo(*plan, "--method", "task_vector")
    assert trained.code == edited.code == 0, trained.err + edited.err
    said, said_of_edited = (" ".join(one.out.split()) for one in (trained, edited))
    for words in ("times during training", "may reach its target"):
        assert words in said and words not in said_of_edited
    assert "before and as long after; with these" in said_of_edited
    refused = simnpo(*plan, "--method", "task_vector", "--lora-rank", 2, "--load-in-4bit")
    assert refused.code == 1 and "would round them" in refused.err


def test_a_plan_trains_what_the_run_trains(
    simnpo: Any, files: Any, model_folder: Path, tmp_path: Path, one_prompt: None
) -> None:
    """Texts are counted in the pieces they are trained in, and Retrain keeps every row."""
    words = " ".join(f"{word}{number}" for number in range(100) for word in ("stone", "river"))
    story = write_rows(tmp_path / "story.jsonl", [{"text": words}])
    other = write_rows(tmp_path / "other.jsonl", [{"text": words[100:400]}, {"text": words[:50]}])
    base = ["--model", model_folder, "--retain", other, "--forget", story, "--max-length", 8]
    plan = simnpo("plan", *base, "--tflops", 0.1)
    assert plan.code == 0, plan.err
    ran = simnpo("unlearn", *base, "--no-report", "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["planned_steps"] == 60 and record["config"]["batch_size"] == 32
    assert "60 steps of 32 rows of each" in plan.out

    own = ["--model", model_folder, "--method", "retrain", "--forget", files.forget]
    plan = simnpo("plan", *own, "--retain", files.retain, "--tflops", 0.1)
    ran = simnpo("unlearn", *own, "--retain", files.retain, "--out", tmp_path / "retrain")
    assert plan.code == ran.code == 0, plan.err + ran.err
    record = json.loads((tmp_path / "retrain" / "run.json").read_text())
    assert record["data"]["retain_size"] == 4 and "Retain set  4 rows" in plan.out
    trained = f"{record['planned_steps']} steps of {record['config']['batch_size']} rows, "
    assert trained in plan.out and f"rate {record['config']['learning_rate']:.3g}" in plan.out
    assert "Measurements" not in plan.out
    assert "longest), never" in plan.out.splitlines()[0]  # what is to be forgotten
    refused = simnpo("plan", *own)
    assert refused.code == 1 and "Retrain keeps a retain set: give --retain FILE" in refused.err


def test_mistakes(simnpo: Any, own: list[Any], model_folder: Path, tmp_path: Path) -> None:
    out = ["--model", model_folder, "--out", tmp_path / "out"]
    for arguments, words in (
        (["attack", "quantize", *out, *own, "--benchmark", "tofu"], "brings its own sets"),
        (["attack", "quantize", *out, *own, "--max-items", 0], "--max-items 0"),
        (["attack", "relearn", *out, "--retain", "r.jsonl"], "give --forget FILE"),
        (["unlearn", *out, "--evaluate-epochs", 1], "evaluates a benchmark or --forget"),
    ):
        refused = simnpo(*arguments)
        assert refused.code == 1 and words in refused.err, refused.err
        assert not (tmp_path / "out").exists()
