"""A tokenizer's chat template: what it writes before an answer, and after it."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from itertools import takewhile

from simnpo.data.control_tokens import ControlTokens, stand_in
from simnpo.data.prompt_settings import PromptSettings
from simnpo.data.template_trial import tried
from simnpo.data.templates import Template
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError
from simnpo.system.notes import note_once

ROLES = ("user", "assistant")
_QUESTION, _ANSWER, _SYSTEM = (stand_in(number) for number in range(7, 10))
_SAID = 300  # characters of an error's text
_USE_ANOTHER = "use ``template=plain`` or a text of your own"


class Renderer:
    """A chat template, and all that it is given besides the messages."""

    def __init__(self, tokenizer: Tokenizer, settings: PromptSettings):
        """Compile the template.

        Raises:
            UserError: there is none, or several and none of that name; or it is broken.
        """
        # The rendering of `apply_chat_template` itself, which lets nobody say what day it is.
        from transformers.utils.chat_template_utils import _compile_jinja_template

        self.source = _source(tokenizer, settings.chat_template)
        self.in_parts = False
        """Whether contents are lists of parts, as models that also see pictures want them."""
        self._given = settings.chat_template_kwargs
        self._values = {**tokenizer.special_tokens_map, **self._on(settings.date)}
        self._try(settings.date)
        try:
            self._compiled = _compile_jinja_template(self.source)
        except Exception as error:
            raise UserError(
                f"the tokenizer's chat template is broken ({_line(error)}); {_USE_ANOTHER}."
            ) from None

    def _try(self, day: str) -> None:
        """Make sure that the template ends: see `template_trial`."""
        long = "\n\n".join(f"{number}. {_QUESTION}" for number in range(100))
        conversations = [
            self._told([_QUESTION, _ANSWER]),
            self._told([_QUESTION, _ANSWER], in_parts=True),
            self._told([_QUESTION], prompt=True),
            self._told(2 * [_QUESTION, _ANSWER], _SYSTEM),
            self._told([long, f"<think>\n{long}\n</think>\n{long}"]),
        ]
        for one in conversations:  # the child makes its own of the day
            one.pop("strftime_now", None)
        tried(self.source, conversations, day)

    def _on(self, day: str) -> dict[str, object]:
        """Return the template's date variables, and the values that were given."""
        today = datetime.combine(date.fromisoformat(day), time())
        dates = {"strftime_now": today.strftime, "date_string": today.strftime("%d %b %Y")}
        return {**dates, **self._given}

    def writes_date(self, contents: Sequence[str]) -> bool:
        """Return whether a conversation's text depends on the day."""
        other = copy.copy(self)
        other._values = {**self._values, **self._on("1903-11-29")}
        return other.render(contents) != self.render(contents)

    def render(self, contents: Sequence[str], system: str = "", prompt: bool = False) -> str:
        """Return a conversation as the template writes it.

        Args:
            contents: questions and answers in turn.
            system: an instruction before them.
            prompt: whether the beginning of the model's answer follows.

        Raises:
            UserError: the template refuses it.
        """
        try:
            return str(self._compiled.render(**self._told(contents, system, prompt, self.in_parts)))
        except Exception as error:  # templates raise jinja2's errors and their own
            raise UserError(
                f"the model's chat template refuses this conversation: {_line(error)}"
            ) from None

    def _told(
        self,
        contents: Sequence[str],
        system: str = "",
        prompt: bool = False,
        in_parts: bool = False,
    ) -> dict[str, object]:
        """Return all that the template is given for a conversation: see `render`."""
        roles = [ROLES[number % 2] for number in range(len(contents))]
        turns = [("system", system)] if system else []
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}] if in_parts else text}
            for role, text in (*turns, *zip(roles, contents, strict=True))
        ]
        return {
            "messages": messages,
            "tools": None,
            "documents": None,
            "add_generation_prompt": prompt,
            **self._values,
        }


@dataclass(frozen=True)
class ChatTemplate(Template):
    """A chat template, known by what it writes around a question and its answer."""

    renderer: Renderer = field(compare=False, kw_only=True)
    tail: str = field(kw_only=True)
    """All that follows the answer."""

    @property
    def source(self) -> str:
        """The template as its authors wrote it."""
        return self.renderer.source

    @property
    def writes_date(self) -> bool:
        """Whether a prompt depends on the day."""
        return self.renderer.writes_date([_QUESTION, _ANSWER])

    def before(self, contents: Sequence[str]) -> str:
        """Return what the finished conversation has before the answer."""
        system, *turns = contents
        answer = stand_in(0, contents)
        text, shown, _ = self.renderer.render([*turns, answer], system).rpartition(answer)
        if not shown:
            raise UserError(
                f"the tokenizer's chat template does not show an answer; {_USE_ANOTHER}."
            )
        return text.rstrip(" ")

    def finished(self, contents: Sequence[str]) -> str:
        """Return a question with its answer up to its end of turn."""
        system, *turns = contents
        text = self.renderer.render(turns, system)
        if not text.endswith(self.tail):
            raise UserError(
                f"the tokenizer's chat template ends the answer {contents[-1]!r:.80} otherwise "
                f"than others; {_USE_ANOTHER}."
            )
        return text.removesuffix(self.tail) + self.end

    def with_system(self, system: str) -> "ChatTemplate":
        """Return the template with an instruction before every question.

        Raises:
            UserError: the template refuses it, or leaves it out.
        """
        if system and _SYSTEM not in self.renderer.render([_QUESTION, _ANSWER], _SYSTEM):
            raise UserError(
                "the model's chat template leaves the system prompt out: put its text into the "
                "questions."
            )
        return replace(self, system=system)


def chat_template(tokenizer: Tokenizer, settings: PromptSettings) -> ChatTemplate:
    """Return a tokenizer's chat template.

    Raises:
        UserError: see `Renderer`; or the template does not show a question with its answer, or
            leaves out the system prompt, or nothing ends an answer.
    """
    renderer = Renderer(tokenizer, settings)
    whole = _probed(renderer)
    head, asked, rest = whole.partition(_QUESTION)
    middle, answered, tail = rest.rpartition(_ANSWER)
    prompt = _tried(renderer, [_QUESTION], prompt=True)
    longer = _tried(renderer, 2 * [_QUESTION, _ANSWER], _SYSTEM)
    control = ControlTokens(tokenizer, whole + prompt + longer)
    # The turn's end differs from the tokenizer's EOS in some chat formats; what the template
    # writes after an answer is what the model was taught to stop with.
    found = control.first(tail)
    if found and found.group() == tokenizer.bos_token:
        found = None
    end_id = tokenizer.convert_tokens_to_ids(found.group()) if found else tokenizer.eos_token_id
    if not asked or not answered or end_id is None:
        raise UserError(
            "the tokenizer's chat template does not show the question with its answer, or there is "
            f"no token that ends an answer; {_USE_ANOTHER}."
        )
    _compare(f"{head}{_QUESTION}{middle}", prompt)
    made = ChatTemplate(
        "chat",
        f"{head}{{question}}{middle}",
        "",
        end_id,
        False,
        control=control,
        renderer=renderer,
        end=tail[: found.end()] if found else "",
        tail=tail,
    )
    return made.with_system(settings.system_prompt)


def _probed(renderer: Renderer) -> str:
    """Return a finished conversation with stand-ins for its contents, in the form that shows them.

    Raises:
        UserError: the template refuses it.
    """
    refused: UserError | None = None
    for in_parts in (False, True):
        renderer.in_parts = in_parts
        try:
            whole = renderer.render([_QUESTION, _ANSWER])
        except UserError as error:
            refused = refused or error
            continue
        if _QUESTION in whole and _ANSWER in whole:
            return whole
    renderer.in_parts = False
    if refused:
        raise UserError(f"{str(refused).rstrip('.')}; {_USE_ANOTHER}.")
    return renderer.render([_QUESTION, _ANSWER])


def _tried(
    renderer: Renderer, contents: Sequence[str], system: str = "", prompt: bool = False
) -> str:
    """Return what `Renderer.render` makes; "" where the template refuses it."""
    try:
        return renderer.render(contents, system, prompt)
    except UserError:
        return ""


def _compare(finished: str, prompt: str) -> None:
    """Say so if a finished conversation has something else before an answer than a prompt has."""
    ours, theirs = finished.rstrip(" "), prompt.rstrip(" ")
    if ours == theirs or not theirs:
        return
    same = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False))
    )
    written, instead = (repr(text[same:]) if text[same:] else "nothing" for text in (ours, theirs))
    note_once(
        f"Note: before an answer the chat template writes {written} in a finished conversation, "
        f"and {instead} where the model is to answer: prompts here are as in the finished one."
    )


def _source(tokenizer: Tokenizer, name: str | None) -> str:
    """Return the text of a tokenizer's chat template.

    Raises:
        UserError: there is none, or several and none of that name.
    """
    found = tokenizer.chat_template
    if not found:
        raise UserError(
            f"``{'chat_template' if name else 'template=chat'}``: the tokenizer has no chat "
            "template; use plain."
        )
    named: Mapping[str, object] = found if isinstance(found, dict) else {"default": found}
    if (name or "default") in named:
        chosen = named[name or "default"]
        if not isinstance(chosen, str):
            raise UserError(
                f"the tokenizer's chat template is not a text but {chosen!r:.80}; {_USE_ANOTHER}."
            )
        return chosen
    listed = ", ".join(sorted(named))
    if name:
        raise UserError(
            f"``chat_template`` {name}: the tokenizer has no chat template of this name; it has "
            f"{listed}."
        )
    raise UserError(
        f"the tokenizer has several chat templates ({listed}), and none is called default: choose "
        "one with ``chat_template=NAME``."
    )


def _line(error: Exception) -> str:
    """Return what an error says, whose text may be the template's own."""
    reason = " ".join(str(error)[: 4 * _SAID].split())
    return f"{reason[:_SAID]}..." if len(reason) > _SAID else reason or type(error).__name__
