"""The notebooks of the docs, on a tiny model: every cell runs, and the last ones show something."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from simnpo.models import quiet

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"
COMMAND = {
    "steps": 6, "precision": "fp32", "template": "plain", "learning_rate": 1e-3, "batch_size": 2,
}  # fmt: skip
TRAINER = {
    "max_steps": 2, "report_to": [], "use_cpu": True, "save_strategy": "no", "disable_tqdm": True,
    "per_device_train_batch_size": 1, "dataloader_pin_memory": False,
}  # fmt: skip


def cells(name: str) -> list[str]:
    """Return the code of a notebook, cell by cell."""
    found = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert found["nbformat"] == 4
    code = [one for one in found["cells"] if one["cell_type"] == "code"]
    assert all(one["outputs"] == [] and one["execution_count"] is None for one in code)
    return ["".join(one["source"]) for one in code]


def run(name: str, **changed: object) -> tuple[dict[str, Any], Any]:
    """Run a notebook; after its first cell, which has its settings, some of these are changed.

    Returns:
        What its names are in the end, and the value of its last expression.
    """
    room: dict[str, Any] = {"__name__": "__main__"}
    first, *others = cells(name)
    exec(compile(first, name, "exec"), room)
    assert set(changed) <= set(room)
    room |= changed
    value = None
    for code in others:
        tree = ast.parse(code)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), room)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), room)
    return room, value


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet()
    monkeypatch.chdir(tmp_path)


def test_own_data(model_folder: Path) -> None:
    room, answers = run("own_data", MODEL=str(model_folder), OUT="out", SETTINGS=COMMAND)
    assert room["run"].verdict and room["run"].evaluation
    assert len(answers) == len(room["forget"])
    assert set(answers) == {"question_after", "generated_before", "generated_after"}


def test_a_new_method(model_folder: Path) -> None:
    _, measured = run("new_method", MODEL=str(model_folder), OUT="out", SETTINGS=TRAINER)
    before, after = measured["eval_forget_probability"]
    assert 0 < after != before


def test_an_evaluation_in_pandas(model_folder: Path) -> None:
    models = {"Before": str(model_folder), "After": str(model_folder)}
    settings = {"precision": "fp32", "template": "plain"}
    room, answers = run("evaluation_in_pandas", MODELS=models, SETTINGS=settings)
    assert list(room["frame"].index) == ["Before", "After"]
    assert list(answers) == ["After", "Before"] and len(answers) >= 2
