"""The Python functions: results of the commands, from rows in memory, and errors to catch."""

import ast
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

import simnpo
from simnpo.api import calls, functions
from simnpo.cli.main import main
from simnpo.models import load_model

SETTINGS: dict[str, Any] = {
    "steps": 4, "batch_size": 4, "precision": "fp32", "template": "plain", "learning_rate": 1e-3,
}  # fmt: skip


@pytest.fixture
def rows(examples: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    found = [{"question": one.question, "answer": one.answer} for one in examples]
    return found[:4], found[4:]


@pytest.fixture
def run(model_folder: Path, rows: Any, tmp_path: Path) -> simnpo.Run:
    forget, retain = rows
    return simnpo.unlearn(
        model_folder, output_dir=tmp_path / "out", forget=forget, retain=retain, **SETTINGS
    )


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_unlearning_does_what_the_command_does(
    run: simnpo.Run, rows: Any, model_folder: Path, tmp_path: Path
) -> None:
    words = ["unlearn", "--model", str(model_folder), "--out", str(tmp_path / "command")]
    for name, data in zip(("forget", "retain"), rows, strict=True):
        datasets.Dataset.from_list(data).to_json(tmp_path / f"{name}.jsonl")
        words += [f"--{name}", str(tmp_path / f"{name}.jsonl")]
    for name, value in SETTINGS.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    assert main(words) == 0
    assert weights(run.model) == weights(tmp_path / "command" / "model")
    assert run.record["status"] == "finished"
    assert run.verdict and run.verdict in str(run)
    assert run.verdict.split(":")[0] in run._repr_html_()


def test_a_run_is_evaluated_on_rows_of_any_kind(run: simnpo.Run, rows: Any) -> None:
    forget, retain = rows
    found = simnpo.evaluate(
        run,
        forget=datasets.Dataset.from_list(forget),
        retain=retain,
        also={"facts": retain[:2]},
        template="plain",
    )
    assert run.evaluation is not None
    for name, value in run.evaluation.items():
        np.testing.assert_equal(found[name], value, err_msg=name)
    assert found.verdict == run.verdict
    assert "facts.rouge_l" in found and len(found) > len(run.evaluation)
    assert set(found.scores["set"]) >= {"forget", "retain", "facts"}
    assert found.counts["forget.verbatim"][1] == 4
    assert found.verdict in str(found) and "<table" in found._repr_html_()


def test_models_side_by_side(run: simnpo.Run, rows: Any, model_folder: Path) -> None:
    asked = {"forget": rows[0], "retain": rows[1], "template": "plain"}
    before = simnpo.evaluate(model_folder, name="Before", **asked)
    found = simnpo.compare([before, simnpo.evaluate(run, name="After", **asked)])
    assert list(found.frame.index) == ["Before", "After"]
    assert found.frame.loc["Before", "forget.rouge_l"] == before["forget.rouge_l"]
    assert "After" in str(found) and "<table" in found._repr_html_()
    with pytest.raises(simnpo.UserError, match="give one or more evaluations"):
        simnpo.compare([])


def test_fine_tuning_learns(model_folder: Path, rows: Any, tmp_path: Path) -> None:
    out = tmp_path / "tuned"
    run = simnpo.finetune(model_folder, output_dir=out, data=rows[0], **SETTINGS)
    assert run.record["command"] == "finetune" and run.evaluation is None and run.verdict is None
    load_model(str(run.model), "fp32")
    assert str(out) in str(run) and str(out) in run._repr_html_()


def test_mistakes_are_python_errors(
    model_folder: Path, rows: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget, retain = rows
    given: dict[str, Any] = {"output_dir": tmp_path / "out", "forget": forget, "retain": retain}
    with pytest.raises(TypeError, match=r"no option 'leraning_rate'; do you mean learning_rate\?"):
        simnpo.unlearn(model_folder, **given, leraning_rate=1)
    with pytest.raises(ValueError, match="an option's value is refused"):
        simnpo.unlearn(model_folder, **given, learning_rate="high")
    assert "high" in capsys.readouterr().err
    with pytest.raises(simnpo.UserError, match="``learning_rate`` must be above 0, got -1"):
        simnpo.unlearn(model_folder, **given, learning_rate=-1)
    with pytest.raises(simnpo.UserError, match="``resume`` and ``overwrite`` contradict"):
        simnpo.unlearn(model_folder, **given, resume=True, overwrite=True)
    with pytest.raises(simnpo.UserError, match="unknown method 'simpo'"):
        simnpo.unlearn(model_folder, **given, method="simpo")
    for row, message in ((3, "is a int; a row is a dict"), ({"x": {1}}, "not JSON serializable")):
        with pytest.raises(simnpo.UserError, match=rf"forget\[1\].*{message}"):
            calls._file("forget", [*forget[:1], row], tmp_path)
    with pytest.raises(simnpo.UserError, match="unknown method 'simpo'"):  # a flag that is not set
        simnpo.unlearn(model_folder, **given, method="simpo", no_report=False, lora_rank=None)
    assert not (tmp_path / "out").exists()


def test_attacks_and_sweeps_become_commands(
    monkeypatch: pytest.MonkeyPatch, rows: Any, tmp_path: Path
) -> None:
    said: list[tuple[list[str], dict[str, Any]]] = []
    monkeypatch.setattr(functions, "call", lambda words, options: said.append((words, options)))
    report = simnpo.attack("quantize", [Path("a"), "b"], output_dir=tmp_path, bits=[4, 8])
    assert report == tmp_path / "report.html"
    simnpo.sweep("m", output_dir=tmp_path, forget=rows[0], over={"beta": [1.5, 2], "gamma": [0]})
    (attack, given), (sweep, tried) = said
    assert attack == ["attack", "quantize"] and sweep == ["sweep"]
    assert given["model"] == ["a", "b"] and given["bits"] == [4, 8]
    assert tried["over"] == ["beta=1.5,2", "gamma=0"] and tried["model"] == "m"
    for words, options in said:
        assert set(options) <= calls._options(words)


def test_a_type_checker_sees_what_is_imported_on_use() -> None:
    tree = ast.parse(Path(str(simnpo.__file__)).read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == simnpo._HOME
    assert set(simnpo.__all__) <= set(dir(simnpo)) and simnpo.__version__
