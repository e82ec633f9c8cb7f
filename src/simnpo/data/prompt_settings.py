"""What a prompt depends on besides its question: the template, and a chat template's variables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from simnpo.errors import UserError
from simnpo.storage.json_values import Json, JsonObject

DATE = "2024-07-26"
"""The day that chat templates see as today, unless another is given: Llama 3's own default.
Prompts would change overnight with the real one, and no two evaluations could be compared."""
USUAL: dict[str, object] = {
    "chat_template": None,
    "chat_template_kwargs": {},
    "system_prompt": "",
    "template_date": DATE,
}
"""What is not recorded, by its name in a record."""
TAKEN = ("messages", "tools", "documents", "add_generation_prompt", "strftime_now")
"""What every chat template is given anyway."""


@dataclass(frozen=True)
class PromptSettings:
    """How questions become prompts."""

    template: str = "auto"
    """See `simnpo.data.template_choice.choose_template`."""
    chat_template: str | None = None
    """Name of the chat template, where a tokenizer has several."""
    chat_template_kwargs: Mapping[str, object] = field(default_factory=dict, hash=False)
    """Further values for the chat template, such as `enable_thinking`."""
    system_prompt: str = ""
    """Instruction before every question."""
    date: str = DATE
    """The day that a chat template takes for today."""

    def __post_init__(self) -> None:
        try:
            date.fromisoformat(self.date)
        except ValueError:
            raise UserError(
                f"``template_date`` {self.date!r}: give a day as in {DATE} (year-month-day)."
            ) from None
        for name in self.chat_template_kwargs:
            if name in TAKEN:
                raise UserError(f"``chat_template_kwargs``: {name!r} is not yours to give.")

    @classmethod
    def of(cls, given: "str | PromptSettings") -> "PromptSettings":
        """Return settings as they are, or those with a template of this name."""
        return cls(given) if isinstance(given, str) else given

    def record(self) -> JsonObject:
        """Return what `run.json` and `summary.json` say: the template, and what is not usual."""
        found = {
            "chat_template": self.chat_template,
            "chat_template_kwargs": dict(self.chat_template_kwargs),
            "system_prompt": self.system_prompt,
            "template_date": self.date,
        }
        changed = {name: value for name, value in found.items() if value != USUAL[name]}
        return {"template": self.template, **changed}

    @classmethod
    def of_record(cls, record: Mapping[str, Json]) -> "PromptSettings":
        """Return what `record` has written, perhaps among other things."""
        return cls(
            record.get("template") or "auto",
            record.get("chat_template"),
            record.get("chat_template_kwargs") or {},
            record.get("system_prompt") or "",
            record.get("template_date") or DATE,
        )


def read_kwargs(text: str) -> dict[str, object]:
    """Return a chat template's further values from JSON.

    Raises:
        UserError: it is not a JSON object.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        found = str(error)
    if not isinstance(found, dict):
        summary = f" ({found})" if isinstance(found, str) else ""
        raise UserError(
            f"``chat_template_kwargs`` {text!r:.80} is no JSON object{summary}: give one such as "
            "'{\"enable_thinking\": false}'."
        )
    return found
