"""The commands as a user runs them, end to end on tiny models and files."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from real_data import data_folder
from safetensors.torch import load_file
from small_data import write_rows

from simnpo.evaluation.evaluation import read_scores


@pytest.fixture
def tofu(tofu_folder: Path) -> list[Any]:
    return ["--benchmark", "tofu", "--split", "forget05", "--data-dir", tofu_folder]


def test_files_to_report(
    simnpo: Any, files: Any, tofu: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    """Unlearn on files, evaluate on a benchmark, compute again without the model, compare."""
    run = tmp_path / "run"
    done = simnpo(
        "unlearn", "--model", model_folder, "--forget", files.forget, "--retain", files.retain,
        "--epochs", 2, "--learning-rate", 1e-3, "--beta", 1.5, "--no-report", "--out", run,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert f"Model: {run / 'model'}" in done.out
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["config"]["forget_loss"] == {"name": "SimNPO", "beta": 1.5, "gamma": 0.0}
    assert record["config"]["forget_weight"] == 1
    assert record["data"]["forget_size"] == 4

    base = tmp_path / "base"
    done = simnpo("evaluate", "--model", model_folder, *tofu, "--name", "Base", "--out", base)
    assert done.code == 0, done.err
    assert "forget_quality is missing: no retain model's scores" in done.out
    assert json.loads((base / "summary.json").read_text())["metrics"]["forget_quality"] is None

    done = simnpo(
        "evaluate", "--model", run, *tofu, "--retain-scores", base, "--out", run / "evaluation"
    )
    assert done.code == 0, done.err
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    keys = {"forget_quality", "forget_quality_statistic", "model_utility"} | {
        f"{name}.{metric}"
        for name in ("forget", "retain", "real_authors", "world_facts")
        for metric in ("probability", "rouge_l", "truth_ratio")
    }
    assert keys <= set(summary["metrics"])
    assert summary["name"] == "SimNPO"
    assert summary["truth_ratio_aggregation"] == "geometric"
    assert summary["items"] == {"forget": 4, "retain": 4, "real_authors": 8, "world_facts": 3}
    assert summary["run"]["method"] == "SimNPO"

    again = tmp_path / "again"
    done = simnpo(
        "metrics", "tofu", "--scores", run, "--retain-scores", base, "--out", again,
        "--aggregation", "arithmetic",
    )  # fmt: skip
    assert done.code == 0, done.err
    recomputed = json.loads((again / "summary.json").read_text())
    assert recomputed["metrics_by_aggregation"] == summary["metrics_by_aggregation"]
    assert recomputed["metrics"] == summary["metrics_by_aggregation"]["arithmetic"]

    comparison = tmp_path / "comparison"
    done = simnpo("compare", base, run, "--out", comparison)
    assert done.code == 0, done.err
    assert "Base" in done.out and "SimNPO" in done.out
    assert "<script>" in (comparison / "report.html").read_text()


def test_unlearning_lowers_the_forget_set_alone(
    simnpo: Any, files: Any, tofu: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    """After fine-tuning on everything, SimNPO takes the forget answers away and keeps the rest."""
    everything = tmp_path / "all.jsonl"
    everything.write_text(files.forget.read_text() + files.retain.read_text())
    original = tmp_path / "original"
    done = simnpo(
        "finetune", "--model", model_folder, "--data", everything, "--epochs", 60,
        "--learning-rate", 1e-2, "--batch-size", 8, "--checkpoint-epochs", 0, "--out", original,
    )  # fmt: skip
    assert done.code == 0, done.err
    unlearned = tmp_path / "unlearned"
    done = simnpo(
        "unlearn", "--model", original, *tofu, "--epochs", 10, "--learning-rate", 2e-3,
        "--forget-weight", 1, "--batch-size", 4, "--micro-batch-size", 4, "--out", unlearned,
        "--evaluate-epochs", 5, "--checkpoint-epochs", 0,
    )  # fmt: skip
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in (unlearned / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [0, 5, 10]
    first, last = rows[0], rows[-1]
    assert first["forget.probability"] > 0.9 and first["retain.probability"] > 0.9
    assert last["forget.probability"] < 0.4 < 0.7 < last["retain.probability"]
    assert all(row["seconds"] > 0 for row in rows)


def test_retrain_and_finetune_are_the_same_training(
    simnpo: Any, tofu: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    settings = ["--epochs", 2, "--learning-rate", 1e-3, "--model", model_folder, *tofu]
    assert simnpo("finetune", *settings, "--part", "retain", "--out", tmp_path / "a").code == 0
    assert simnpo("unlearn", *settings, "--method", "retrain", "--out", tmp_path / "b").code == 0
    one, other = (tmp_path / name / "model" / "model.safetensors" for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_max_items_cuts_every_set(
    simnpo: Any, tofu: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    done = simnpo("evaluate", "--model", model_folder, *tofu, "--max-items", 2, "--out", tmp_path)
    assert done.code == 0, done.err
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert scores.groupby("set")["item"].max().eq(1).all()
    assert read_scores(tmp_path).scores.equals(scores)


def test_plain_text_sets(simnpo: Any, model_folder: Path, tmp_path: Path) -> None:
    for name in ("forget", "retain"):
        rows = [{"body": f"A {name} story. " * 30}, {"body": f"Another {name} story."}]
        pd.DataFrame(rows).to_parquet(tmp_path / f"{name}.parquet")
    done = simnpo(
        "unlearn", "--model", model_folder, "--forget", tmp_path / "forget.parquet",
        "--retain", tmp_path / "retain.parquet", "--text-column", "body", "--epochs", 1,
        "--max-length", 32, "--out", tmp_path / "run", "--method", "npo",
    )  # fmt: skip
    assert done.code == 0, done.err


def test_resume_of_a_finished_run_does_nothing(
    simnpo: Any, files: Any, model_folder: Path, tmp_path: Path
) -> None:
    command = [
        "unlearn", "--model", model_folder, "--forget", files.forget, "--retain", files.retain,
        "--epochs", 1, "--out", tmp_path / "run",
    ]  # fmt: skip
    assert simnpo(*command).code == 0
    before = (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns
    done = simnpo(*command, "--resume")
    assert done.code == 0 and "Nothing to do" in done.out
    assert (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns == before
    assert simnpo(*command, "--overwrite").code == 0
    assert (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns != before


def test_official_log_without_a_model(simnpo: Any, tmp_path: Path) -> None:
    log = data_folder("tofu_official_logs") / "retain90_llama_wd0.01.json"
    done = simnpo(
        "metrics", "tofu", "--scores", log, "--retain-scores", log, "--out", tmp_path / "out",
        "--aggregation", "arithmetic",
    )  # fmt: skip
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]
    assert metrics["model_utility"] == pytest.approx(0.582192, abs=1e-6)
    assert metrics["forget_quality"] == 1


def test_altpo_reads_its_alternates_where_it_asks_for_them(
    simnpo: Any, files: Any, examples: Any, model_folder: Path, tmp_path: Path
) -> None:
    rows = [one._asdict() | {"other": f"Nobody knows {one.question}"} for one in examples[:4]]
    forget = write_rows(tmp_path / "alternates.jsonl", rows)
    base = ["unlearn", "--model", model_folder, "--forget", forget, "--retain", files.retain]
    base += ["--method", "altpo", "--epochs", 1, "--out", tmp_path / "run"]
    done = simnpo(*base)
    assert done.code == 1 and f"{forget}, line 1: 'alternate' must be text" in done.err
    done = simnpo(*base, "--alternate-column", "others")
    assert done.code == 1
    assert "none is 'others': name that of the alternate answers with --alternate-" in done.err
    done = simnpo(*base, "--alternate-column", "other", "--beta", 0.5)
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["config"]["forget_loss"] == {"name": "AlternateDPO", "beta": 0.5}
    (loss, *_) = [
        json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    ]
    assert loss["forget_loss"] == pytest.approx(2 / 0.5 * math.log(2), rel=1e-4)  # the start


def test_rmu_from_files_with_topics(
    simnpo: Any, files: Any, examples: Any, model_folder: Path, tmp_path: Path
) -> None:
    """Each topic has a place of its own; nothing but the layer is trained."""
    areas = ["sea", "art", "sea", "art"]
    rows = [
        {"text": one.answer, "area": area} for one, area in zip(examples[:4], areas, strict=True)
    ]
    forget = write_rows(tmp_path / "topics.jsonl", rows)
    base = ["unlearn", "--model", model_folder, "--forget", forget, "--retain", files.retain]
    base += ["--method", "rmu", "--epochs", 2, "--steering-coefficient", 20]
    done = simnpo(*base, "--out", tmp_path / "deep")
    assert done.code == 1 and "--layer 7: LlamaForCausalLM has 2 decoder layers, 0 to 1" in done.err
    assert not (tmp_path / "deep").exists() or not any((tmp_path / "deep").iterdir())
    base += ["--layer", 0]
    losses = []
    for name, options in (("apart", ["--topic-column", "area"]), ("one", [])):
        out = tmp_path / name
        done = simnpo(*base, *options, "--out", out)
        assert done.code == 0, done.err
        rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        losses.append(rows[0]["forget_loss"])
        before, after = (
            load_file(folder / "model.safetensors") for folder in (model_folder, out / "model")
        )
        changed = {key for key in after if not before[key].equal(after[key])}
        assert changed and all(key.startswith("model.layers.0.") for key in changed)
    assert losses[0] != losses[1]
    record = json.loads((tmp_path / "apart" / "run.json").read_text())["config"]
    rmu = {"name": "RMU", "layer": 0, "steering_coefficient": 20.0}
    assert record["forget_loss"] == rmu and record["retain_weight"] == 1200
    assert record["retain_loss"] == {"name": "KeepActivations", "layer": 0}
    assert "no column 'subject'" in simnpo(*base, "--topic-column", "subject", "--out", "x").err
    refused = simnpo(*base, "--lora-rank", 2, "--out", tmp_path / "lora")
    assert refused.code == 1 and "leave out --lora-rank" in refused.err
