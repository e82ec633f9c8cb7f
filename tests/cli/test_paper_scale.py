"""`reproduce --scale paper` on the paper's own layouts of data, with models as small as can be."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paper_data import tiny_paper, write_tofu
from runs_here import execute_here

from simnpo.experiments import benchmark_setup as sites
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.paper.scale import Scale

PRESET = UnlearnRun.preset


def one_epoch(run: UnlearnRun) -> Any:
    preset = PRESET(run)
    return replace(preset, training=replace(preset.training, steps=None, epochs=1))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Let runs be done here, an epoch each with short answers; return the titles of those begun."""
    begun: list[str] = []
    monkeypatch.setattr("simnpo.experiments.pool.execute", partial(execute_here, begun))
    monkeypatch.setattr(UnlearnRun, "preset", one_epoch)
    monkeypatch.setattr("simnpo.benchmarks.tofu.MAX_NEW_TOKENS", 8)
    monkeypatch.setattr("simnpo.benchmarks.muse.VERBMEM_TOKENS", 8)
    monkeypatch.setenv("SIMNPO_CACHE", str(tmp_path / "cache"))
    return begun


def test_tofu_from_a_folder_with_a_model_of_ones_own(
    simnpo: Any, told: list[str], model_folder: Path, tmp_path: Path
) -> None:
    data, out = write_tofu(tmp_path / "tofu"), tmp_path / "out"
    where = ["--scale", "paper", "--seeds", 1, "--out", out]
    given = [*where, "--model", model_folder, "--data-dir", data]
    dry = simnpo("reproduce", "fig3d", *given, "--dry-run")
    assert dry.code == 0 and dry.out.count("to do") == len(dry.out.splitlines()) == 4
    done = simnpo("reproduce", "fig3d", *given)
    assert done.code == 0, done.err
    names = {title.partition(",")[0] for title in told}
    assert len(told) == 4 and names == {"Original", "Retrain", "NPO", "SimNPO"}
    assert "tofu forget05" in told[0]
    titles = {json.loads(one.read_text())["title"] for one in out.glob("runs/*/done.json")}
    assert titles == set(told)
    record = next(out.glob("runs/original-*/run.json"))
    config = json.loads(record.read_text())["config"]
    assert config["model"] == str(model_folder) and config["gradient_checkpointing"]
    report = (out / "report.md").read_text()
    assert "SimNPO, reproduced at the paper scale" in report and "not made" not in report
    told.clear()
    assert simnpo("reproduce", "fig3d", *given).code == 0 and told == []
    # Other data are other runs.
    sites._load.cache_clear()
    (data / "retain95.json").write_text((data / "retain90.json").read_text())
    dry = simnpo("reproduce", "fig3d", *given, "--dry-run")
    assert "finished" not in dry.out


@pytest.fixture
def scale(
    make_llama: Callable[..., Any],
    tokenizer: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Scale:
    """Let the paper's scale be tiny."""
    made = tiny_paper(tmp_path, make_llama, tokenizer)
    monkeypatch.setattr("simnpo.paper.scale.paper", lambda model, data_dir: made)
    return made


def test_muse_and_wmdp(simnpo: Any, told: list[str], scale: Scale, tmp_path: Path) -> None:
    done = simnpo(
        "reproduce", "figA5", "tableA4", "--scale", "paper", "--seeds", 1, "--out", tmp_path / "out"
    )
    assert done.code == 0, done.err
    report = (tmp_path / "out" / "report.md").read_text()
    assert "not made" not in report
    said = " ".join(told)
    for kind in ("NPO, request 4, muse news", "RMU, wmdp bio", "Original, wmdp bio"):
        assert kind in said, told
