"""Options that say how a question becomes a prompt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import tyro

from simnpo.cli.unset import Unset
from simnpo.config import MAX_LENGTH
from simnpo.data.prompt_settings import DATE, PromptSettings, read_kwargs
from simnpo.errors import UserError
from simnpo.storage.json_values import Json, JsonObject
from simnpo.system.command_words import option

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark
    from simnpo.data.encoding import Encoder


@dataclass(frozen=True)
class ChatOptions:
    """What a chat template is given besides the messages."""

    chat_template: Unset[str] = None
    """Name of the chat template, where the tokenizer has several [default]."""
    chat_template_kwargs: Unset[str] = None
    """Further values for the chat template as a JSON object: '{"enable_thinking": false}'."""
    system_prompt: Unset[str] = None
    """Instruction before every question, also with a template of text [none]."""
    template_date: Annotated[
        Unset[str],
        tyro.conf.arg(
            help="Day that a chat template takes for today, as 2026-01-31 "
            f"[{DATE}, so that prompts are the same on any day]."
        ),
    ] = None

    def apply_to(self, settings: PromptSettings) -> PromptSettings:
        """Return `settings` with what these options change.

        Raises:
            UserError: one is not as it must be.
        """
        kwargs, day = self.chat_template_kwargs, self.template_date
        given: JsonObject = {
            "chat_template": self.chat_template,
            "chat_template_kwargs": None if kwargs is None else read_kwargs(kwargs),
            "system_prompt": self.system_prompt,
            "date": day,
        }
        return replace(settings, **{k: value for k, value in given.items() if value is not None})


@dataclass(frozen=True)
class PromptOptions(ChatOptions):
    """How a question becomes a prompt."""

    template: str = "auto"
    r"""auto (the tokenizer's chat template, else plain), chat, plain, llama2 (TOFU's for Llama-2),
    or a text such as "Q: {question}\nA: {answer}"."""
    max_length: Annotated[
        Unset[int],
        tyro.conf.arg(
            help="Tokens of a question with its answer at most, longer answers are shortened and "
            "counted; also of the pieces that plain texts are cut into. Multiple-choice questions "
            f"may be as long as the model takes [{MAX_LENGTH}; muse 2048, mini-muse 256]."
        ),
    ] = None
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Only for models whose code you have read."""

    @property
    def settings(self) -> PromptSettings:
        """These options as what an encoder is bound to.

        Raises:
            UserError: see `ChatOptions.over`.
        """
        return self.apply_to(PromptSettings(self.template))

    def limit(self, benchmark: "Benchmark | None" = None) -> int:
        """Return the length limit in tokens: the one given, else the benchmark's."""
        if self.max_length is not None:
            return self.max_length
        return benchmark.max_length if benchmark else MAX_LENGTH

    def like_run(self, model: str) -> "PromptOptions":
        """Return these options; what was not given is as in the run that made `model`."""
        run = run_settings(model)
        known = PromptSettings.of_record(run)
        if self.template != "auto":
            known = replace(known, template=self.template)
        found = self.apply_to(known)
        return replace(
            self,
            template=found.template,
            chat_template=found.chat_template,
            chat_template_kwargs=json.dumps(dict(found.chat_template_kwargs)),
            system_prompt=found.system_prompt,
            template_date=found.date,
            max_length=self.max_length or run.get("max_length"),
        )


def note_other_prompts(model: str, encoder: "Encoder", benchmark: "Benchmark") -> None:
    """Say so if a benchmark's questions are not asked as in the training that made `model`."""
    from simnpo.data.encoding import Encoder
    from simnpo.system.notes import note_once

    run, sets = run_settings(model), benchmark.evaluation.values()
    templated = any(one.question is not None for s in sets if not s.verbatim for one in s.items)
    if "template" not in run or not templated:
        return
    trained = PromptSettings.of_record(run)
    try:
        own = Encoder(encoder.tokenizer, trained, encoder.max_length)
    except UserError:
        return
    if own.prompt("?") != encoder.prompt("?"):
        options = " ".join(f"{option(k)} {v!r}" for k, v in trained.record().items())
        note_once(f"Note: {model} was trained with other prompts: {options}.")


def run_settings(model: str) -> Mapping[str, Json]:
    """Return the settings that the run in folder `model` records; {} where it is not a run."""
    from simnpo.evaluation.summary import run_of

    found: Mapping[str, Json] = (run_of(model)["run"] or {}).get("settings", {})
    return found
