"""What `unlearn` is about to do, printed before it begins: sizes, settings, one row as seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simnpo.data.as_seen import decoded
from simnpo.data.encoding import Encoder
from simnpo.data.examples import Example
from simnpo.report.numbers import counted
from simnpo.report.plain_text import WIDTH, as_text, middle_left_out, upper_first
from simnpo.system.terminal import visible

WARNINGS = 5
"""Warnings printed; the number of further ones is printed in their place."""
_CHARACTERS = 400  # of a prompt or an answer
_SPACE = "␣"
_PROMPT, _ANSWER, _TEXT = _AS_SEEN = ("Prompt", "Answer", "Text")


@dataclass(frozen=True)
class SetSize:
    """How large a set is."""

    name: str
    rows: int
    tokens: int
    note: str = ""
    """What else to say of it, such as `never trained on`."""


@dataclass(frozen=True)
class Plan:
    """The settings of a run, as values."""

    model: str
    parameters: int
    trained_parameters: int
    """Fewer than `parameters` with adapters."""
    method: str
    sets: Sequence[SetSize]
    steps: int
    batch_size: int
    learning_rate: float
    precision: str
    adapters: str = ""
    """Rank, and what they read; empty where all weights are trained."""


def describe_run(
    plan: Plan,
    encoder: Encoder,
    example: Example,
    warnings: Sequence[str] = (),
    width: int = WIDTH,
) -> str:
    """Return the block that is printed before training.

    Args:
        plan: the settings.
        encoder: what makes token ids of a row; its template is named.
        example: the row that is shown exactly as the model sees it.
        warnings: what would defeat the job, each with its place.
        width: columns.

    Raises:
        UserError: the example cannot be encoded, see `Encoder.encode`.
    """
    facts = {
        "Model": f"{plan.model}, {_parameters(plan)}",
        **({"Adapters": plan.adapters} if plan.adapters else {}),
        "Method": plan.method,
        **{upper_first(one.name): _size(one) for one in plan.sets},
        "Training": f"{counted(plan.steps, 'step')} of {counted(plan.batch_size, 'row')}, "
        f"learning rate {plan.learning_rate:.3g}, precision {plan.precision}",
        "Template": _template(encoder),
    }
    heading, shown, note = _as_seen(encoder, example)
    parts: list[RenderableType] = [_table(facts), f"\n{heading}", _table(shown), note]
    if warnings:
        rest = len(warnings) - WARNINGS
        more = [f"... and {rest:,} more"] if rest > 0 else []
        parts += ["\nWarning: these rows work against forgetting:"]
        parts += [_table({"  -": one}) for one in (*warnings[:WARNINGS], *more)]
    return as_text(parts, width)


def _table(values: dict[str, str]) -> Table:
    """Return labels and values in two columns."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in values.items():
        table.add_row(Text(visible(label)), Text(visible(value, breaks=label in _AS_SEEN)))
    return table


def _as_seen(encoder: Encoder, example: Example) -> tuple[str, dict[str, str], str]:
    """Return a heading, prompt and answer with their special tokens, and what is scored of it."""
    tokenizer = encoder.tokenizer

    def shown(ids: Sequence[int]) -> str:
        text = middle_left_out(decoded(tokenizer, ids), _CHARACTERS)
        return _SPACE + text[1:] if text.startswith(" ") else text

    if example.question is None:
        first = encoder.encode_text(example.answer)
        pieces = f", in {counted(len(first), 'piece')}" if len(first) > 1 else ""
        note = f"All its tokens but the first are scored{pieces}; no end token follows."
        return (
            "The first text to forget, as the model sees it:",
            {"Text": shown(first[0].ids)},
            note,
        )
    encoded = encoder.encode(example.question, example.answer)
    end = visible(str(tokenizer.decode([encoder.template.end_id])))
    scored = counted(encoded.answer_length, "token")
    if encoded.cut:
        ending = f"--max-length {encoder.max_length} truncates it, so no end token follows."
    else:
        ending = f"the last is {end}, which ends it."
    values = {
        _PROMPT: shown(encoded.ids[: encoded.start]),
        _ANSWER: shown(encoded.ids[encoded.start :]),
    }
    note = f"Only the answer is scored: {scored}; {ending}"
    return "The first row to forget, as the model sees it:", values, note


def _template(encoder: Encoder) -> str:
    given = encoder.settings.record()
    parts = [
        encoder.template.name,
        *([given["chat_template"]] if "chat_template" in given else []),
        *(["with a system prompt"] if "system_prompt" in given else []),
        *([f"on {encoder.settings.date}"] if encoder.template.writes_date else []),
    ]
    return f"{', '.join(parts)}, at most {encoder.max_length:,} tokens a row"


def _parameters(plan: Plan) -> str:
    text = f"{_short(plan.parameters)} parameters"
    if plan.trained_parameters < plan.parameters:
        return f"{text}, {_short(plan.trained_parameters)} of them trained"
    return f"{text}, all trained"


def _short(count: int) -> str:
    for size, unit in ((10**9, "billion"), (10**6, "million")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:,}"


def _size(one: SetSize) -> str:
    note = f" ({one.note})" if one.note else ""
    return f"{counted(one.rows, 'row')}, {counted(one.tokens, 'token')}{note}"
