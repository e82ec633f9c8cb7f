"""TOFU without --data-dir: from the hub, from training to evaluation, with a hundred refusals."""

import json
from pathlib import Path
from typing import Any

import pytest
from hub import serve

from simnpo.benchmarks.tofu import HUB
from simnpo.benchmarks.tofu_refusals import REFUSALS
from simnpo.storage.runs import fingerprint

TOFU = ["--benchmark", "tofu", "--split", "forget05"]
SHORT = ["--epochs", 1, "--batch-size", 4, "--micro-batch-size", 4]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tofu_folder: Path) -> list[str]:
    return serve(monkeypatch, HUB, tofu_folder)


def test_idk_is_taught_and_evaluated(
    simnpo: Any, hub: list[str], model_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    done = simnpo(
        "unlearn", "--model", model_folder, *TOFU, "--method", "idk", *SHORT, "--out", run
    )
    assert done.code == 0, done.err
    said = "Note: tofu's own refusals are not with its data, so 100 of ours stand in;"
    assert done.err.count(said) == 1
    data = json.loads((run / "run.json").read_text())["data"]
    assert (data["refusals_size"], data["refusals_hash"]) == (100, fingerprint(REFUSALS))
    assert (data["forget_size"], data["retain_size"]) == (4, 4)
    done = simnpo("evaluate", "--model", run, *TOFU, "--out", run / "evaluation")
    assert done.code == 0, done.err
    assert said not in done.err
    summary = json.loads((run / "evaluation" / "summary.json").read_text())
    assert summary["items"] == {"forget": 4, "retain": 4, "real_authors": 8, "world_facts": 3}
    assert "forget05_perturbed" in hub and "world_facts_perturbed" in hub


def test_its_own_refusals_come_from_its_folder(
    simnpo: Any, tofu_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    folder = ["--data-dir", tofu_folder]
    done = simnpo(
        "unlearn", "--model", model_folder, *TOFU, *folder, "--method", "idk", *SHORT,
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 0 and "of ours stand in" not in done.err
    data = json.loads((tmp_path / "run" / "run.json").read_text())["data"]
    assert data["refusals_size"] == 2
    own = tmp_path / "own.txt"
    own.write_text("Never mind.\n")
    done = simnpo(
        "unlearn", "--model", model_folder, *TOFU, *folder, "--method", "simnpo", *SHORT,
        "--refusals", own, "--out", tmp_path / "other",
    )  # fmt: skip
    assert done.code == 0 and "of ours stand in" not in done.err
