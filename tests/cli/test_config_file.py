"""Options from a file: what is read, what is typed as well, and what is refused."""

import json
from pathlib import Path

import pytest

from simnpo.cli.command_line import command_class, parse
from simnpo.cli.config_file import expand
from simnpo.cli.evaluate import Evaluate
from simnpo.cli.unlearn import Unlearn
from simnpo.errors import UserError
from simnpo.system.notes import note_once


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(
        "model: given\nforget: f.jsonl\nretain: r.jsonl\nlearning-rate: 2e-5\nlora_rank: 4\n"
        "no_report: true\nresume: false\nepochs: null\nalso: [a=a.jsonl, b=b.jsonl]\n"
    )
    return path


def test_options_come_from_the_file_and_typed_ones_count(file: Path) -> None:
    command = parse(["unlearn", "--config", str(file), "--out", "o", "--lora_rank=8"])
    assert isinstance(command, Unlearn)
    assert (command.model, str(command.output.out)) == ("given", "o")
    assert (command.training.learning_rate, command.lora.lora_rank) == (2e-5, 8)
    assert command.report.no_report and not command.output.resume
    assert command.sets.also == ("a=a.jsonl", "b=b.jsonl") and command.training.epochs is None


def test_json_is_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"model": "m", "max_items": 3, "out": "o", "forget": "f"}))
    command = parse(["evaluate", f"--config={path}"])
    assert isinstance(command, Evaluate) and command.model == "m"


def test_an_earlier_run_is_typed_again_but_for_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    argv = ["unlearn", "--model=m", "--forget", "f", "--retain", "r", "--steps", "9"]
    path.write_text(
        json.dumps({"argv": [*argv, "--out", "old", "--overwrite"], "command": "unlearn"})
    )
    words = expand(["unlearn", "--config", str(path), "--out", "new"], command_class)
    assert words == [
        *("unlearn", "--out", "new", "--model", "m", "--forget", "f", "--retain", "r"),
        *("--steps", "9"),
    ]
    with pytest.raises(UserError, match="is of simnpo unlearn, and this is simnpo evaluate"):
        expand(["evaluate", "--config", str(path)], command_class)


def test_an_options_earlier_name_stands_for_one_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note_once.cache_clear()
    argv = ["evaluate", "--model", "m", "--out", "o", "--choices", "a.jsonl"]
    typed = parse([*argv, "--controls", "a"])
    assert isinstance(typed, Evaluate) and typed.questions.utility_sets == ("a",)
    note = "Note: --controls is called --utility-sets now; the next release will refuse"
    assert note in capsys.readouterr().err
    assert parse([*argv, "--controls=a"]) == typed
    path = tmp_path / "settings.yaml"
    path.write_text("controls: a\n")
    assert parse([*argv, "--config", str(path)]) == typed
    path.write_text("controls: a\nutility-sets: b\n")
    with pytest.raises(UserError, match="utility_sets is given twice"):
        parse([*argv, "--config", str(path)])
    run = tmp_path / "run.json"
    run.write_text(json.dumps({"argv": [*argv, "--controls", "a"]}))
    assert parse(["evaluate", "--config", str(run), "--out", "o"]) == typed
    run.write_text(json.dumps({"argv": [*argv, "--controls", "b"]}))
    assert parse(["evaluate", "--config", str(run), "--out", "o", "--controls", "a"]) == typed


BOMB = "model: &a [x, x]\nforget: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n" + "".join(
    f"a{n}: &{new} [{', '.join([f'*{old}'] * 8)}]\n"
    for n, (old, new) in enumerate(zip("bcdefghijk", "cdefghijkl", strict=True))
)
"""Aliases of aliases: written out, 8^11 words."""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leraning_rate: 1", r"has no option 'leraning_rate'; do you mean learning_rate\?"),
        ("training: {epochs: 3}", "has no option 'training'"),
        ("epochs: {a: 3}", "epochs must have one value, or a list of values"),
        ("lora_rank: 4\nlora-rank: 8", "lora_rank is given twice"),
        ("dropout: off", "dropout is false, as YAML reads on, off, yes and no; put it in quotes"),
        ("steps: yes", "steps is true"),
        ("alpha: [1, [2]]", "alpha must have one value, or a list of values"),
        ("alpha: [1, null]", "alpha must have one value, or a list of values"),
        ("alpha: &a [*a]", "alpha must have one value, or a list of values"),
        (BOMB, "forget must have one value, or a list of values"),
        ("- model", "must hold options by name"),
        ("model: m\nforget: [", r"settings\.yaml, line 2: not YAML"),
        ("model: !!python/object:os.system x", "not YAML"),
        ("", "must hold options by name"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        expand(["unlearn", "--config", str(path)], command_class)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_the_options_of_an_attack(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("bits: [4]\nmodel: [one, two]\n")
    words = expand(["attack", "quantize", "--config", str(path)], command_class)
    assert words == ["attack", "quantize", "--bits", "4", "--model", "one", "two"]
    with pytest.raises(UserError, match="attack relearn has no option 'bits'"):
        expand(["attack", "relearn", "--config", str(path)], command_class)


def test_a_file_and_a_command_are_needed(tmp_path: Path) -> None:
    for argv in (["unlearn", "--config"], ["unlearn", "--config", "--out", "o"]):
        with pytest.raises(UserError, match="give one file"):
            expand(argv, command_class)
    with pytest.raises(UserError, match="name a command first"):
        expand(["--config", "a.yaml"], command_class)
    with pytest.raises(UserError, match=r"nothing\.yaml does not exist"):
        expand(["unlearn", "--config", str(tmp_path / "nothing.yaml")], command_class)
