"""A question and its answer in TRL's conversational form: a list of messages with roles."""

from collections.abc import Iterable
from typing import TypeGuard

from simnpo.errors import UserError

ROLES = ["user", "assistant"]
SHAREGPT = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
"""Roles by the names that ShareGPT's form has for them; others go by their own names."""


def question_and_answer(place: str, column: str, messages: object) -> tuple[str, str]:
    """Return what the user asks and the assistant answers.

    Anything else in a conversation is refused, since the prompt would not be the one that was
    trained: earlier turns, a system message, a call of a tool.

    Args:
        place: of the row, for errors.
        column: of the messages, for errors.
        messages: mappings with `role` and `content`.

    Raises:
        UserError: there is more than a question and its answer, or a content is not text.
    """
    found = as_messages(place, column, messages)
    roles = [str(one["role"]) for one in found]
    if roles != ROLES:
        advice = "make each answer a row of its own"
        if "system" in roles:
            advice = "put its text before the question, or give it with ``system_prompt``"
        raise UserError(
            f"{place}: {column!r} must have one question and one answer (user, assistant), got "
            f"{_listed(roles)}; {advice}."
        )
    asked, answered = (_text(place, column, one) for one in found)
    return asked, answered


def as_messages(place: str, column: str, value: object) -> list[dict[str, object]]:
    """Return a value as a list of messages.

    Raises:
        UserError: it is something else.
    """
    found = list(value) if is_list(value) else []
    messages = [one for one in found if isinstance(one, dict) and {"role", "content"} <= one.keys()]
    if len(messages) < max(1, len(found)):
        raise UserError(
            f"{place}: {column!r} must be a list of messages, each with 'role' and 'content', got "
            f"{found or value!r:.80}."
        )
    return messages


def as_turns(place: str, column: str, value: object) -> list[dict[str, object]]:
    """Return a conversation in ShareGPT's form (`from` and `value`), or in TRL's, as messages.

    Raises:
        UserError: it is something else.
    """
    found = list(value) if is_list(value) else []
    turns = [one for one in found if isinstance(one, dict) and {"from", "value"} <= one.keys()]
    if not turns or len(turns) < len(found):
        return as_messages(place, column, value)
    return [
        {"role": SHAREGPT.get(one["from"], one["from"]), "content": one["value"]} for one in turns
    ]


def is_list(value: object) -> TypeGuard[Iterable[object]]:
    """Return whether a value is several, as JSON, Parquet and `datasets` have them."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | dict)


def _text(place: str, column: str, message: dict[str, object]) -> str:
    content = message["content"]
    parts = [] if isinstance(content, str) or not isinstance(content, Iterable) else list(content)
    if len(parts) == 1 and isinstance(parts[0], dict) and parts[0].get("type") == "text":
        content = parts[0].get("text")
    if not isinstance(content, str) or not content.strip() or message.get("tool_calls"):
        what = "a tool call" if message.get("tool_calls") else f"{content!r:.80}"
        raise UserError(
            f"{place}: the {message['role']}'s content in {column!r} must be text, got {what}."
        )
    return content


def _listed(roles: list[str]) -> str:
    shown = ", ".join(roles[:6]) + (", ..." if len(roles) > 6 else "")
    return f"{len(roles)} messages ({shown})"
