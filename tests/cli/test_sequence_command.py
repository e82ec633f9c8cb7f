"""Successive forget requests: stage by stage, resumed, and the same as by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_data import write_rows

from simnpo.benchmarks.mini_tofu import mini_tofu
from simnpo.cli import sequence
from simnpo.models import load_model


@pytest.fixture
def requests(tmp_path: Path, examples: Any) -> list[Path]:
    rows = [one._asdict() for one in examples[:4]]  # the others are to be kept
    rows += [
        {"question": "Who keeps the lamp?", "answer": "Ed Farr keeps it."},
        {"question": "Where is the mill?", "answer": "By the second bridge."},
    ]
    return [
        write_rows(tmp_path / f"{name}.jsonl", rows[2 * n : 2 * n + 2])
        for n, name in enumerate("abc")
    ]


@pytest.fixture
def settings(files: Any) -> list[Any]:
    return [
        "--method", "npo", "--retain", files.retain, "--epochs", 2, "--learning-rate", 1e-2,
        "--no-report",
    ]  # fmt: skip


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def test_a_sequence_is_its_stages_by_hand(
    simnpo: Any, requests: list[Path], settings: list[Any], model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sequence"
    command = ["unlearn", "--model", model_folder, *settings, "--requests", *requests]
    done = simnpo(*command, "--out", out)
    assert done.code == 0, done.err
    assert "Stage 2 (2 of 3" in done.err
    model: Path = model_folder
    for number, request in enumerate(requests, 1):
        stage = tmp_path / f"by-hand-{number}"
        done = simnpo("unlearn", "--model", model, *settings, "--forget", request, "--out", stage)
        assert done.code == 0, done.err
        assert weights(out / f"stage-{number}") == weights(stage)
        model = stage
    assert weights(out) == weights(out / "stage-3") != weights(out / "stage-2")
    load_model(str(out))  # the folder is a run like any other
    record = json.loads((out / "run.json").read_text())
    assert record["status"] == "finished" and record["model"] == "stage-3/model"
    assert "Nothing to do" in simnpo(*command, "--out", out, "--resume").out
    assert "already holds" in simnpo(*command, "--out", out).err
    fewer = simnpo(*command[:-1], "--out", out, "--resume")
    assert "requests was 3 and is 2" in fewer.err
    refused = simnpo("unlearn", "--model", out, *command[3:], "--out", out, "--overwrite")
    assert "would remove" in refused.err
    assert simnpo(*command[:-1], "--out", out, "--overwrite").code == 0
    assert not (out / "stage-3").exists() and weights(out) == weights(out / "stage-2")


def test_a_killed_sequence_goes_on(
    simnpo: Any,
    requests: list[Path],
    settings: list[Any],
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ["unlearn", "--model", model_folder, *settings, "--requests", *requests]
    assert simnpo(*command, "--out", tmp_path / "whole").code == 0
    stage = sequence.SequenceJob._unlearn

    def killed(self: Any, number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt
        stage(self, number)

    monkeypatch.setattr(sequence.SequenceJob, "_unlearn", killed)
    cut = tmp_path / "cut"
    assert simnpo(*command, "--out", cut).code == 130
    monkeypatch.setattr(sequence.SequenceJob, "_unlearn", stage)
    before = (cut / "stage-2" / "run.json").read_bytes()
    done = simnpo(*command, "--out", cut, "--resume")
    assert done.code == 0, done.err
    assert (cut / "stage-2" / "run.json").read_bytes() == before
    assert weights(cut) == weights(tmp_path / "whole")


def test_a_benchmarks_requests_are_evaluated(
    simnpo: Any, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from simnpo.benchmarks.mini_tofu import settings

    whole = mini_tofu("forget05")
    small = replace(
        whole,
        requests=tuple(part[:2] for part in whole.requests[:2]),
        evaluation={
            name: replace(one, items=one.items[:3], max_new_tokens=2)
            for name, one in whole.evaluation.items()
        },
    )
    kind = replace(settings.BENCHMARK, load=lambda split, data_dir, part: small)
    monkeypatch.setattr(settings, "BENCHMARK", kind)
    out = tmp_path / "out"
    done = simnpo(
        "unlearn", "--model", model_folder, "--benchmark", "mini-tofu", "--split", "forget05",
        "--sequential", "--epochs", 1, "--out", out,
    )  # fmt: skip
    assert done.code == 0, done.err
    for number in range(3):
        summary = json.loads((out / f"stage-{number}/evaluation/summary.json").read_text())
        assert summary["name"] == f"Stage {number}"
    assert "Stage 2" in done.out
    page = (out / "report.html").read_text()
    assert "unlearns 2 requests" in page and (out / "plots" / "stages_metrics.svg").is_file()
    record = json.loads((out / "stage-1/run.json").read_text())
    assert record["data"]["forget_size"] == 2 and record["data"]["retain_size"] > 100


@pytest.mark.parametrize("split", ["forget05", "forget10"])
def test_mini_tofus_requests_are_its_forget_set(split: str) -> None:
    benchmark = mini_tofu(split)
    assert len(benchmark.requests) == 5
    assert tuple(one for part in benchmark.requests for one in part) == benchmark.forget
    assert len({len(part) for part in benchmark.requests}) == 1
    assert mini_tofu("forget01").requests == ()


def test_mistakes(
    simnpo: Any, requests: list[Path], files: Any, model_folder: Path, tmp_path: Path
) -> None:
    base = ["unlearn", "--model", model_folder, "--retain", files.retain, "--out", tmp_path / "o"]
    mini = ["unlearn", "--model", model_folder, "--benchmark", "mini-tofu", "--out", tmp_path / "o"]
    several = ["--requests", *requests]
    for arguments, words in (
        ([*base, *several, "--forget", files.forget], "leave one of them out"),
        ([*base, "--sequential"], "--sequential needs a --benchmark"),
        ([*base, "--requests", tmp_path / "none.jsonl"], "does not exist"),
        ([*base, *several, "--method", "retrain"], "forgets nothing"),
        ([*mini, *several], "brings its own sets"),
        ([*mini, "--sequential", "--split", "forget01"], "no successive requests"),
        ([*mini, "--sequential", "--evaluate-epochs", 1], "leave out --evaluate-epochs"),
        ([*base, *several, "--lora-rank", 2], "add --lora-merge"),
        ([*mini, "--topic-column", "author"], "--topic-column names a column of --forget"),
        ([*base, *several, "--max-length", 8], "leaves none of its answer"),
    ):
        result = simnpo(*arguments)
        assert result.code == 1 and words in result.err, result.err
        assert not list(tmp_path.glob("o/*"))
