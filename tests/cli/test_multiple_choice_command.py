"""Multiple choice as a user runs it: files, WMDP's folder, and what does not go together."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_data import write_rows

ROW: dict[str, Any] = {"question": "Which?", "choices": ["one", "two", "three", "four"]}


@pytest.fixture
def sets(tmp_path: Path) -> list[Path]:
    return [
        write_rows(
            tmp_path / f"{name}.jsonl",
            [ROW | {"question": f"{name} {n}?", "answer": (n * shift) % 4} for n in range(12)],
        )
        for name, shift in (("craft", 1), ("general", 3))
    ]


def test_files_to_report(simnpo: Any, sets: list[Path], model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = simnpo(
        "evaluate", "--model", model_folder, "--choices", *sets, "--utility-sets", "general",
        "--out", out,
    )  # fmt: skip
    assert done.code == 0, done.err
    summary = json.loads((out / "summary.json").read_text())
    metrics = summary["metrics"]
    assert summary["items"] == {"craft": 12, "general": 12}
    assert metrics["forgotten"] == 1 - metrics["craft.accuracy"]
    assert metrics["kept"] == metrics["general.accuracy"]
    again = tmp_path / "again"
    done = simnpo("metrics", "multiple_choice", "--scores", out, "--out", again)
    assert done.code == 0, done.err
    assert json.loads((again / "summary.json").read_text())["metrics"] == metrics
    # A summary of an earlier release calls them controls.
    earlier = {"controls" if key == "utility_sets" else key: summary[key] for key in summary}
    (out / "summary.json").write_text(json.dumps(earlier))
    old = tmp_path / "old"
    done = simnpo("metrics", "multiple_choice", "--scores", out, "--out", old)
    assert done.code == 0, done.err
    assert json.loads((old / "summary.json").read_text())["metrics"] == metrics
    done = simnpo("compare", out, "--out", tmp_path / "comparison")
    assert done.code == 0, done.err
    page = (tmp_path / "comparison" / "report.html").read_text()
    assert "1 − accuracy on what is to be forgotten" in page
    assert "mean accuracy on general" in page
    assert 'id="answers"' not in page, "nothing was generated"
    resumed = simnpo(
        "evaluate", "--model", model_folder, "--choices", *sets, "--utility-sets", "craft",
        "--out", out, "--resume",
    )  # fmt: skip
    assert resumed.code == 1 and "utility_sets was ['general']" in resumed.err


def test_without_controls_two_numbers_are_missing_with_the_reason(
    simnpo: Any, sets: list[Path], model_folder: Path, tmp_path: Path
) -> None:
    done = simnpo("evaluate", "--model", model_folder, "--choices", *sets, "--out", tmp_path / "o")
    assert done.code == 0, done.err
    assert "forgotten is missing: no set was named as a utility set" in done.out
    metrics = json.loads((tmp_path / "o" / "summary.json").read_text())["metrics"]
    assert metrics["forgotten"] is None and metrics["craft.accuracy"] is not None


def test_wmdp_from_a_folder(
    simnpo: Any, sets: list[Path], model_folder: Path, tmp_path: Path
) -> None:
    sets[0].rename(tmp_path / "wmdp-bio.jsonl")
    sets[1].rename(tmp_path / "mmlu.jsonl")
    write_rows(tmp_path / "bio-forget-corpus.jsonl", [{"text": "A text on harmless clocks. " * 9}])
    write_rows(tmp_path / "wikitext.jsonl", [{"text": "Another, on towns and rivers. " * 9}] * 3)
    wmdp = ["--benchmark", "wmdp", "--data-dir", tmp_path]
    run = tmp_path / "run"
    done = simnpo(
        "unlearn", "--model", model_folder, *wmdp, "--method", "npo", "--steps", 2,
        "--batch-size", 2, "--micro-batch-size", 2, "--out", run,
    )  # fmt: skip
    assert done.code == 0, done.err
    config = json.loads((run / "run.json").read_text())["config"]
    assert (config["steps"], config["epochs"], config["learning_rate"]) == (2, None, 5e-6)
    assert config["forget_loss"] == {"name": "NPO", "beta": 0.0225}
    done = simnpo("evaluate", "--model", run, *wmdp, "--out", run / "evaluation")
    assert done.code == 0, done.err
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    assert summary["items"] == {"wmdp_bio": 12, "mmlu": 12}
    assert summary["utility_sets"] == ["mmlu"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--benchmark", "tofu", "--choices", "x.json"], "--benchmark and --choices"),
        (["--choices", "x.json", "--lm-eval", "mmlu"], "--choices and --lm-eval"),
        (["--benchmark", "mini-wmdp", "--utility-sets", "craft"], "--utility-sets names sets"),
        (["--benchmark", "mini-wmdp", "--retain-scores", "x"], "--retain-scores does nothing"),
        (["--benchmark", "mini-wmdp", "--lm-eval-include", "x"], "without --lm-eval"),
        (["--lm-eval", "mmlu", "--max-items", "3"], "--max-items does not reach"),
        (["--choices", "none.jsonl"], "none.jsonl does not exist"),
    ],
)
def test_what_does_not_go_together(
    simnpo: Any, model_folder: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    done = simnpo("evaluate", "--model", model_folder, *options, "--out", tmp_path / "out")
    assert done.code == 1 and words in done.err


def test_a_control_that_is_no_set(
    simnpo: Any, sets: list[Path], model_folder: Path, tmp_path: Path
) -> None:
    done = simnpo(
        "evaluate", "--model", model_folder, "--choices", sets[0], "--utility-sets", "generl",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.code == 1 and "no set 'generl'" in done.err


def test_both_epochs_and_steps(simnpo: Any, model_folder: Path, tmp_path: Path) -> None:
    done = simnpo(
        "unlearn", "--model", model_folder, "--benchmark", "mini-wmdp", "--epochs", 1,
        "--steps", 2, "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.code == 1 and "give one" in done.err
