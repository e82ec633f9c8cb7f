"""The block that `unlearn` prints before it begins."""

from typing import Any

import made_tokenizers
import pytest
from rich.cells import cell_len

from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.errors import UserError
from simnpo.report.before import Plan, SetSize, describe_run

PLAN = Plan(
    model="made/up-135M",
    parameters=134_515_008,
    trained_parameters=134_515_008,
    method="SimNPO",
    sets=(
        SetSize("forget", 30, 1234),
        SetSize("retain", 48, 12_345),
        SetSize("kept", 1, 1, "never trained on"),
    ),
    steps=60,
    batch_size=10,
    learning_rate=7.2e-5,
    precision="fp32",
)
EXAMPLE = Example("Where was Ada born?", "In Torrin.\nReally.")


@pytest.fixture(scope="module")
def chat() -> Any:
    return made_tokenizers.chatml()


def test_the_whole_block(chat: Any) -> None:
    encoder = Encoder(chat)
    tokens = encoder.encode(*EXAMPLE[:2]).answer_length
    assert describe_run(PLAN, encoder, EXAMPLE) == (
        "Model     made/up-135M, 135 million parameters, all trained\n"
        "Method    SimNPO\n"
        "Forget    30 rows, 1,234 tokens\n"
        "Retain    48 rows, 12,345 tokens\n"
        "Kept      1 row, 1 token (never trained on)\n"
        "Training  60 steps of 10 rows, learning rate 7.2e-05, precision fp32\n"
        "Template  chat, at most 512 tokens a row\n"
        "\n"
        "The first row to forget, as the model sees it:\n"
        "Prompt  <|im_start|>user\\n\n"
        "        Where was Ada born?<|im_end|>\\n\n"
        "        <|im_start|>assistant\\n\n"
        "Answer  In Torrin.\\n\n"
        "        Really.<|im_end|>\n"
        f"Only the answer is scored: {tokens} tokens; the last is <|im_end|>, which ends it."
    )


def test_a_plain_template_shows_the_space_that_belongs_to_the_answer() -> None:
    encoder = Encoder(made_tokenizers.byte_level("<s> $A"))
    text = describe_run(PLAN, encoder, EXAMPLE)
    assert "Prompt  <s>Question: Where was Ada born?\\n\n        Answer:\n" in text
    assert "Answer  ␣In Torrin.\\n\n        Really.</s>\n" in text
    assert "the last is </s>, which ends it." in text


def test_what_is_shown_is_what_is_encoded(tokenizer: Any) -> None:
    """A token across the boundary is shown where it is scored."""
    encoder = Encoder(tokenizer, "Q: {question} A:{answer}")
    encoded = encoder.encode("Who?", "Bo.")
    text = describe_run(PLAN, encoder, Example("Who?", "Bo."))
    shown = dict(line.split("  ", 1) for line in text.splitlines() if line[:6] in LABELS)
    assert shown["Prompt"] == tokenizer.decode(list(encoded.ids[: encoded.start]))
    assert shown["Answer"] == tokenizer.decode(list(encoded.ids[encoded.start :]))


LABELS = ("Prompt", "Answer")


def test_a_truncated_answer_has_no_end(chat: Any) -> None:
    whole = Encoder(chat).encode(*EXAMPLE[:2])
    limit = whole.start + 3
    text = describe_run(PLAN, Encoder(chat, max_length=limit), EXAMPLE)
    assert f"3 tokens; --max-length {limit} truncates it, so no end token" in " ".join(text.split())
    assert "Really" not in text
    with pytest.raises(UserError, match="leaves none of its answer"):
        describe_run(PLAN, Encoder(chat, max_length=whole.start), EXAMPLE)


@pytest.mark.parametrize(("length", "pieces"), [(512, ""), (64, ", in ")])
def test_a_text(length: int, pieces: str) -> None:
    encoder = Encoder(made_tokenizers.byte_level("<s> $A"), max_length=length)
    text = describe_run(PLAN, encoder, Example(None, "Ada Vell was born in Torrin. " * 10))
    assert "The first text to forget" in text and "Text  <s>Ada Vell was born" in text
    assert f"but the first are scored{pieces}" in text and "no end token follows" in text


def test_long_texts_keep_their_beginning_and_end(chat: Any) -> None:
    example = Example("Begin " + "q" * 900 + " end?", "First " + "a" * 900 + " last.")
    text = describe_run(PLAN, Encoder(chat, max_length=4000), example)
    flat = "".join(text.split())
    for part in ("Begin", "end?<|im_end|>", "First", "last.<|im_end|>"):
        assert part in flat
    assert text.count("characters …]") == 2 and len(text.splitlines()) < 40


def test_adapters_and_sizes(chat: Any) -> None:
    plan = Plan("m", 7_241_732_096, 41_943_040, "NPO", (), 1, 1, 1e-5, "mixed")
    text = describe_run(plan, Encoder(chat), EXAMPLE)
    assert "m, 7.24 billion parameters, 41.9 million of them trained" in text
    assert "1 step of 1 row, learning rate 1e-05, precision mixed" in text
    small = Plan("m", 90_112, 90_112, "NPO", (), 1, 1, 1e-5, "fp32")
    assert "m, 90,112 parameters, all trained" in describe_run(small, Encoder(chat), EXAMPLE)


def test_warnings(chat: Any) -> None:
    encoder = Encoder(chat)
    assert "Warning" not in describe_run(PLAN, encoder, EXAMPLE)
    warnings = [f"retain.jsonl, line {n}: [b]holds[/b]\x1b ada@vell.example" for n in range(7)]
    lines = describe_run(PLAN, encoder, EXAMPLE, warnings).splitlines()
    assert "  -  retain.jsonl, line 4: [b]holds[/b]\\x1b ada@vell.example" in lines
    assert not any("line 5" in line for line in lines)
    assert lines[-1] == "  -  ... and 2 more"
    five = describe_run(PLAN, encoder, EXAMPLE, warnings[:5])
    assert "line 4" in five and "more" not in five


@pytest.mark.parametrize("width", [40, 80, 120])
def test_any_text_fits_and_injects_nothing(chat: Any, width: int) -> None:
    hostile = "[bold]x[/bold] \x1b[31m\x00 東京 \u202e " + "w" * 100 + " word" * 40 + "\n"
    plan = Plan(hostile, 5, 5, hostile, (SetSize(hostile, 1, 1, hostile),), 1, 1, 1, hostile)
    text = describe_run(plan, Encoder(chat), Example(hostile, hostile), [hostile] * 9, width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text and "\x00" not in text and "\u202e" not in text
    assert "[bold]x[/bold]" in text
