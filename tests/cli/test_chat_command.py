"""`simnpo chat` and `simnpo generate`: the run's template, greedy answers, conversations."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from small_data import QUESTIONS, write_rows

from simnpo.cli import chat
from simnpo.data.encoding import Encoder
from simnpo.errors import UserError
from simnpo.evaluation.conversation import Conversation, TextStream
from simnpo.evaluation.decoding import greedy
from simnpo.evaluation.generate import ends_of_answers
from simnpo.models import load_model, load_tokenizer
from simnpo.system.terminal import harmless

CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
LINES = [question for question, _ in QUESTIONS]


class Terminal(io.StringIO):
    """Standard input that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def talker(make_llama: Any, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder: a tiny model that was trained with a template of its own."""
    folder = tmp_path_factory.mktemp("talker") / "out"
    make_llama(3, initializer_range=0.5).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    config = {"method": "SimNPO", "template": "Ask: {question}\nSay:{answer}", "max_length": 64}
    record = {"command": "unlearn", "config": config, "data": {}, "status": "finished"}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def by_hand(folder: Path, prompt: Any, tokens: int) -> str:
    model, tokenizer = load_model(str(folder)), load_tokenizer(str(folder))
    encoder = Encoder(tokenizer, "Ask: {question}\nSay:{answer}")
    ids = prompt(encoder) if callable(prompt) else encoder.prompt(prompt)
    (new,) = greedy(model, [ids], tokens, ends_of_answers(model, encoder))
    return str(tokenizer.decode(new, skip_special_tokens=True).strip())


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_lines_from_a_pipe_make_a_conversation(
    simnpo: Any, talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = LINES[:2]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{first}\n\n{second}\n/new\n{second}\n"))
    done = simnpo("chat", "--model", talker, "--max-new-tokens", 8)
    assert done.code == 0, done.err
    answer = by_hand(talker, first, 8)
    later = by_hand(talker, lambda encoder: encoder.conversation([(first, answer)], second), 8)
    fresh = by_hand(talker, second, 8)
    assert later != fresh
    assert squeezed(done.out) == squeezed(harmless(answer + later + fresh))
    assert done.err == ""


def test_answers_are_nothing_but_text(
    simnpo: Any, talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model may say what would change the terminal's title or move its cursor."""

    def hostile(self: Conversation, question: str, write: Any) -> str:
        for piece in ("a\x1b", "]0;title\x07\n\tb", "\x9b2J\r"):
            write(piece)
        return ""

    monkeypatch.setattr(Conversation, "ask", hostile)
    monkeypatch.setattr("sys.stdin", io.StringIO(LINES[0]))
    done = simnpo("chat", "--model", talker)
    assert done.code == 0 and done.out == "a\\x1b]0;title\\x07\n\tb\\x9b2J\\r\n"


def test_two_models_answer_with_their_names_and_templates(
    simnpo: Any, talker: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(LINES[0]))
    done = simnpo("chat", "--model", talker, "--compare", model_folder, "--max-new-tokens", 4)
    assert done.code == 0, done.err
    own, other = done.out.split(f"{model_folder.name}: ")
    assert squeezed(own) == squeezed(harmless("SimNPO:" + by_hand(talker, LINES[0], 4)))
    plain = Encoder(load_tokenizer(str(model_folder))).prompt(LINES[0])
    assert squeezed(other) == squeezed(harmless(by_hand(model_folder, lambda _: plain, 4)))


def test_ctrl_c_ends_an_answer_and_the_prompt_goes_on(
    simnpo: Any, talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was answered until then stays in the conversation."""
    asked = []
    whole = TextStream.put

    def broken_off(self: TextStream, value: Any) -> None:
        whole(self, value)
        if len(asked) == 1 and len(self._ids or []) == 3:
            raise KeyboardInterrupt

    def typed(prompt: str) -> str:
        if len(asked) == 2:
            raise EOFError
        asked.append(LINES[len(asked)])
        return asked[-1]

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr(TextStream, "put", broken_off)
    done = simnpo("chat", "--model", talker, "--max-new-tokens", 8)
    assert done.code == 0, done.err
    begun, rest = done.out.split(" [ended]\n")
    answer = by_hand(talker, LINES[0], 3)
    assert begun == harmless(answer)
    turns = [(LINES[0], answer)]
    later = by_hand(talker, lambda encoder: encoder.conversation(turns, LINES[1]), 8)
    assert squeezed(rest) == squeezed(harmless(later))
    assert "Ctrl-C ends an answer" in done.err


def test_ctrl_c_on_a_pipe_ends_the_command(
    simnpo: Any, talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(self: TextStream, value: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.StringIO(LINES[0]))
    monkeypatch.setattr(TextStream, "put", broken_off)
    done = simnpo("chat", "--model", talker)
    assert done.code == 130 and done.err == "simnpo: interrupted.\n"


def test_what_does_not_fit_is_forgotten_from_the_beginning(
    simnpo: Any, talker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny model takes 512 tokens; a terminal goes on after a question that alone exceeds."""
    long = "word " * 150
    answers = iter([LINES[0], long, LINES[1], LINES[1] * 200])

    def typed(prompt: str) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    turns: list[Any] = []
    answer = chat._answer

    def seen(talk: Any, *rest: Any) -> None:
        answer(talk, *rest)
        turns.append([question for question, _ in talk.turns])

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr(chat, "_answer", seen)
    done = simnpo("chat", "--model", talker, "--max-new-tokens", 40)
    assert done.code == 0, done.err
    tokens = len(load_tokenizer(str(talker))(long)["input_ids"])
    assert 400 < tokens < 470  # so it fits alone, and nothing long before or after it
    assert turns[0] == [LINES[0]] and turns[1][-1] == long.strip()
    assert turns[2] == [LINES[1]]
    assert "the model takes 512. Ask something shorter" in done.err


def test_a_chat_template_gets_the_whole_conversation(tokenizer: Any) -> None:
    import copy

    chatty = copy.deepcopy(tokenizer)
    chatty.chat_template = CHAT
    encoder = Encoder(chatty)
    assert encoder.conversation([], "One?") == encoder.prompt("One?")
    ids = encoder.conversation([("One?", "Two.")], "Three?", "Be brief.")
    written = "<system>Be brief.\n<user>One?\n<assistant>Two.\n<user>Three?\n<assistant>"
    assert ids == tuple(chatty(written, add_special_tokens=False)["input_ids"])
    chatty.chat_template = (
        "{{ raise_exception('no system role') if messages[0].role == 'system' }}" + CHAT
    )
    with pytest.raises(UserError, match="refuses this conversation: no system role"):
        Encoder(chatty).conversation([], "One?", "Be brief.")


def test_a_text_template_repeats_its_turns_as_in_training(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, "plain")
    ids = encoder.conversation([("One?", "Two.")], "Three?", "Be brief.")
    text = "<s>Be brief.\n\nQuestion: One?\nAnswer: Two.</s><s>Question: Three?\nAnswer:"
    assert tokenizer.decode(ids) == text
    prompt = encoder.prompt("Three?")
    assert ids[-len(prompt) :] == prompt


def test_half_a_character_waits_for_the_other_half(tokenizer: Any) -> None:
    """A byte-level tokenizer makes 'é' of two tokens."""
    import torch

    pieces: list[str] = []
    stream = TextStream(tokenizer, frozenset({1}), pieces.append)
    stream.put(torch.tensor([[0, 5]]))
    for token in [*tokenizer(" né!", add_special_tokens=False)["input_ids"], 1]:
        stream.put(torch.tensor([token]))
    stream.end()
    assert "".join(pieces) == stream.text == "né!"
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)


def test_generate_writes_greedy_answers_beside_the_rows(
    simnpo: Any, talker: Path, tmp_path: Path
) -> None:
    rows = [{"id": n, "ask": question, "answer": a} for n, (question, a) in enumerate(QUESTIONS)]
    questions = write_rows(tmp_path / "q.jsonl", rows)
    command = ["generate", "--model", talker, "--questions", questions, "--max-new-tokens", 6]
    command += ["--question-column", "ask", "--out", tmp_path / "a.jsonl"]
    done = simnpo(*command)
    assert done.code == 0, done.err
    assert "8 rows, column 'generated'" in done.out
    made = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [{key: row[key] for key in rows[0]} for row in made] == rows
    for row in made:
        assert row["generated"] == by_hand(talker, row["ask"], 6)
    assert "a.jsonl exists: replace it with --overwrite" in simnpo(*command).err
    assert simnpo(*command, "--overwrite", "--temperature", 5).code == 0
    drawn = (tmp_path / "a.jsonl").read_text()
    assert [json.loads(line)["generated"] for line in drawn.splitlines()] != [
        row["generated"] for row in made
    ]
    assert simnpo(*command, "--overwrite", "--temperature", 5).code == 0
    assert (tmp_path / "a.jsonl").read_text() == drawn
    assert simnpo(*command, "--overwrite", "--temperature", 5, "--seed", 1).code == 0
    assert (tmp_path / "a.jsonl").read_text() != drawn


def test_generate_reads_questions_as_people_have_them(
    simnpo: Any, talker: Path, tmp_path: Path
) -> None:
    """Layouts with answers are found; a column of questions alone is to be named."""
    turns = [{"role": "user", "content": LINES[0]}, {"role": "assistant", "content": "Well."}]
    answers = []
    for number, row in enumerate([{"messages": turns}, {"question": LINES[0]}]):
        out = tmp_path / f"{number}.jsonl"
        questions = write_rows(tmp_path / "q.jsonl", [row])
        command = ["generate", "--model", talker, "--questions", questions, "--out", out]
        done = simnpo(*command, "--max-new-tokens", 6, "--column", "answer")
        assert done.code == 0, done.err
        made = json.loads(out.read_text())
        answers.append(made.pop("answer"))
        assert made == row
    assert answers[0] == answers[1] == by_hand(talker, LINES[0], 6)
    for row in ({"prompt": LINES[0]}, {"text": LINES[0]}):
        questions = write_rows(tmp_path / "q.jsonl", [row])
        done = simnpo(*command[:-1], tmp_path / "none.jsonl")
        assert done.code == 1 and "and none is 'question': name that of" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "a.txt"], "--out a.txt: give a file that ends in .jsonl."),
        (["--out", "{q}"], "is the file of questions; give another."),
        (["--out", "a.jsonl", "--question-column", "ask"], "line 1: no column 'ask'"),
        (["--out", "a.jsonl", "--max-new-tokens", 0], "--max-new-tokens 0: must be at least 1."),
        (["--out", "a.jsonl", "--temperature", -1], "--temperature -1.0: must be at least 0."),
        (["--out", "a.jsonl", "--max-new-tokens", 500], "q.jsonl, line 1: the prompt takes "),
        (["--out", "a.jsonl", "--column", "question"], "a column 'question' already; name"),
        (["--out", "a.jsonl", "--question-column", "generated"], "already; name another with"),
    ],
)
def test_mistakes_of_generate(
    simnpo: Any, talker: Path, tmp_path: Path, options: list[Any], message: str
) -> None:
    row = {"question": LINES[0]} | ({"generated": "x"} if "generated" in options else {})
    questions = write_rows(tmp_path / "q.jsonl", [row])
    options = [str(questions) if one == "{q}" else one for one in options]
    done = simnpo("generate", "--model", talker, "--questions", questions, *options)
    assert done.code == 1 and message in done.err and done.err.count("\n") == 1
