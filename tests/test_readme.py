"""The documents' commands are the program's: each is parsed, and the Python runs."""

import re
import shlex
from pathlib import Path

import pytest

from simnpo.cli.main import parse

ROOT = Path(__file__).resolve().parents[1]
NAMES = (
    "results",
    "methods",
    "design",
    "performance",
    "serving",
    "own-data",
    "choosing",
    "prompts",
    "models",
    "python",
)
PAGES = ["README.md", *(f"docs/{name}.md" for name in NAMES)]


def commands() -> list[str]:
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, flags=re.S):
            for line in block.replace("\\\n", " ").splitlines():
                line = line.strip().removeprefix("$ ")
                if line.startswith("simnpo "):
                    found.append(line)
    return sorted(set(found))


def test_there_are_commands_to_parse() -> None:
    assert len(commands()) >= 6
    assert {line.split()[1] for line in commands()} >= {
        *("unlearn", "evaluate", "metrics", "compare", "finetune"),
    }


@pytest.mark.parametrize("line", commands())
def test_command_parses(line: str) -> None:
    parse(shlex.split(line)[1:])


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_pages_link_to_files_that_exist() -> None:
    for page in PAGES:
        path = ROOT / page
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{page}: {target}"


def test_python_example_runs(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from simnpo import UnlearnConfig.*?)```", text, flags=re.S)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-model").symlink_to(model_folder)
    for name in ("forget", "retain"):
        (tmp_path / f"{name}.jsonl").write_text('{"question": "Who?", "answer": "Nobody."}\n')
    here = 'report_to=[], use_cpu=True, save_strategy="no", dataloader_pin_memory=False,'
    code = code.replace('"out",', f'"out", {here}', 1)
    exec(compile(code, "python.md", "exec"), {})
    assert (tmp_path / "out/model/model.safetensors").is_file()


def test_every_public_name_is_there() -> None:
    import simnpo

    for name in simnpo.__all__:
        assert getattr(simnpo, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        simnpo.nothing_like_it  # noqa: B018
