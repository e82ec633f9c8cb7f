"""What a chat template is given: recorded, the same in every command, shown as models see it."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_templates import PLAIN_TURNS, TEMPLATES
from small_data import QUESTIONS, write_rows

from simnpo.data.encoding import Encoder
from simnpo.data.prompt_settings import PromptSettings
from simnpo.evaluation.decoding import greedy
from simnpo.evaluation.generate import ends_of_answers
from simnpo.models import load_model, load_tokenizer
from simnpo.storage.runs import read_run
from simnpo.system.notes import note_once

STYLED = "[{{ style }}] {{ strftime_now('%d.%m.%Y') }} " + PLAIN_TURNS
SETTINGS = PromptSettings("auto", "styled", {"style": "<s>"}, "Be brief.", "2031-01-02")
OPTIONS = [
    *("--chat-template", "styled", "--chat-template-kwargs", '{"style": "<s>"}'),
    *("--system-prompt", "Be brief.", "--template-date", "2031-01-02"),
]
ROWS = [{"question": question, "answer": answer} for question, answer in QUESTIONS]


@pytest.fixture(scope="module")
def chatty(make_llama: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose tokenizer has two named chat templates."""
    folder = tmp_path_factory.mktemp("models") / "chatty"
    made = copy.deepcopy(tokenizer)
    made.chat_template = {"styled": STYLED, "thinks": TEMPLATES["opened thought"]}
    make_llama(3, initializer_range=0.5).save_pretrained(folder)
    made.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def fresh_notes() -> Iterator[None]:
    note_once.cache_clear()
    yield
    note_once.cache_clear()


@pytest.fixture
def forget(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "forget.jsonl", ROWS[:3])


def test_a_run_records_its_prompts_and_other_commands_take_them(
    simnpo: Any, chatty: Path, forget: Path, one_prompt: None, tmp_path: Path
) -> None:
    retain = write_rows(tmp_path / "retain.jsonl", ROWS[3:])
    own, out = ["--forget", forget, "--retain", retain], tmp_path / "out"
    done = simnpo(
        *("unlearn", "--model", chatty, *own, "--steps", 1, "--learning-rate", 1e-4),
        *(*OPTIONS, "--out", out),
    )
    assert done.code == 0, done.err
    assert "chat, styled, with a system prompt, on 2031-01-02, at most 512" in " ".join(
        done.out.split()
    )
    record = read_run(out)
    for name, value in SETTINGS.record().items():
        assert record["config"][name] == value
    encoder = Encoder(load_tokenizer(str(out)), SETTINGS)
    question, answer = QUESTIONS[0]
    prompt = f"[<s>] 02.01.2031 <system>Be brief.</s><user>{question}</s><assistant>"
    shown = record["prompt"]
    assert shown == {
        "template": "chat",
        "template_hash": shown["template_hash"],
        "tokenizer_class": "TokenizersBackend",
        "date": "2031-01-02",
        "precision": "fp32",
        "example": {"prompt": prompt, "answer": f"{answer}</s>"},
    }
    for folder in ("before", "evaluation"):
        summary = json.loads((out / folder / "summary.json").read_text())
        assert summary["prompt"] == shown and summary["system_prompt"] == "Be brief."
    page = (out / "report.html").read_text()
    escaped = prompt.replace("<", "&lt;").replace(">", "&gt;")
    assert page.count(escaped) == 1 and shown["template_hash"] in page
    assert "date 2031-01-02, tokenizer class TokenizersBackend, precision fp32." in page
    card = (out / "model" / "README.md").read_text()
    assert '{"style": "<s>"}' in card and "A system prompt came before them" in card
    assert "| chat template | styled |" in card and "Be brief" not in card

    # Evaluated, asked and resumed as it was trained.
    again = simnpo("evaluate", "--model", out, *own, "--out", tmp_path / "again")
    assert again.code == 0, again.err
    summary = json.loads((tmp_path / "again" / "summary.json").read_text())
    assert summary["prompt"] == shown
    asked = write_rows(tmp_path / "asked.jsonl", [{"question": question}])
    done = simnpo(
        *("generate", "--model", out, "--questions", asked, "--max-new-tokens", 5),
        *("--out", tmp_path / "answers.jsonl"),
    )
    assert done.code == 0, done.err
    model = load_model(str(out))
    (ids,) = greedy(model, [encoder.prompt(question)], 5, ends_of_answers(model, encoder))
    (line,) = (tmp_path / "answers.jsonl").read_text().splitlines()
    expected = encoder.tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert json.loads(line)["generated"] == expected
    resumed = ["unlearn", "--model", chatty, *own, "--steps", 1, "--learning-rate", 1e-4]
    done = simnpo(*resumed, *OPTIONS, "--out", out, "--resume")
    assert "Nothing to do" in done.out, done.err
    done = simnpo(*resumed, *OPTIONS[:-2], "--out", out, "--resume")
    assert done.code == 1 and "template_date was '2031-01-02' and is None" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "several chat templates (styled, thinks), and none is called default: choose one"),
        (["--chat-template", "x"], "no chat template of this name; it has styled, thinks."),
        (["--chat-template-kwargs", "{x}"], "'{x}' is no JSON object (Expecting property name"),
        (["--chat-template-kwargs", "[1]"], "'[1]' is no JSON object: give one such as"),
        (["--chat-template-kwargs", '{"messages": 1}'], "'messages' is not yours to give."),
        (["--template-date", "2. 1. 2031"], "--template-date '2. 1. 2031': give a day as in 2024"),
        (["--template", "plain", "--chat-template", "styled"], "nothing with --template 'plain'"),
    ],
)
def test_mistakes(
    simnpo: Any, chatty: Path, forget: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    command = ["finetune", "--model", chatty, "--data", forget, "--epochs", 1]
    done = simnpo(*command, *options, "--out", tmp_path / "out")
    assert done.code == 1 and message in done.err and done.err.count("\n") == 1, done.err
    assert not (tmp_path / "out").exists()


def test_a_template_that_thinks_is_trained_outside_of_thoughts(
    simnpo: Any, chatty: Path, forget: Path, tmp_path: Path
) -> None:
    command = ["finetune", "--model", chatty, "--data", forget, "--epochs", 1, "--out"]
    done = simnpo(*command, tmp_path / "out", "--chat-template", "thinks")
    assert done.code == 0, done.err
    assert done.err.count("where the model is to answer: prompts here are as in the fin") == 1
    assert "<think>" not in str(read_run(tmp_path / "out")["prompt"]["example"])


def test_a_benchmark_asked_otherwise_than_in_training(
    simnpo: Any, model_folder: Path, tofu_folder: Path, tmp_path: Path
) -> None:
    tofu = ["--benchmark", "tofu", "--data-dir", tofu_folder]
    run = tmp_path / "run"
    done = simnpo(
        *("finetune", "--model", model_folder, *tofu, "--part", "retain", "--epochs", 1),
        *("--template", "llama2", "--out", run),
    )
    assert done.code == 0, done.err
    for options, said in (([], True), (["--template", "llama2"], False)):
        out = tmp_path / f"evaluation-{said}"
        done = simnpo("evaluate", "--model", run, *tofu, *options, "--out", out)
        assert done.code == 0, done.err
        note = f"Note: {run} was trained with other prompts: --template 'llama2'."
        assert (note in done.err) == said


def test_a_system_message_in_the_data_is_refused_with_the_way_to_give_it(
    simnpo: Any, model_folder: Path, tmp_path: Path
) -> None:
    roles = {"system": "Be brief.", "user": "Who?", "assistant": "Bo."}
    turns = [{"role": role, "content": content} for role, content in roles.items()]
    data = write_rows(tmp_path / "data.jsonl", [{"messages": turns}])
    done = simnpo("finetune", "--model", model_folder, "--data", data, "--out", tmp_path / "out")
    assert done.code == 1 and "or give it with --system-prompt" in done.err
