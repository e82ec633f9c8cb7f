"""How a question becomes a prompt, and where its answer begins and ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from simnpo.data.control_tokens import ControlTokens
from simnpo.data.prompt_settings import PromptSettings
from simnpo.errors import UserError

PLAIN = "Question: {question}\nAnswer: {answer}"
PRESETS = {
    "plain": PLAIN,
    # TOFU's format for Llama-2-chat: no space before the answer.
    "llama2": "[INST] {question} [/INST]{answer}",
}


@dataclass(frozen=True)
class Template:
    """Text around a question and its answer; what follows the answer is one end token."""

    name: str
    prompt: str
    """Text up to the answer, with `{question}`."""
    space: str
    """White space between prompt and answer; it belongs to the answer's first token."""
    end_id: int
    """Token that ends an answer; it is trained and scored."""
    adds_special_tokens: bool
    """Whether the tokenizer adds its own (BOS); a chat template has written them out already."""
    system: str = ""
    """Instruction before the question."""
    control: ControlTokens | None = field(default=None, compare=False, repr=False)
    """The tokenizer's control tokens, with those that the template writes."""
    end: str = field(default="", compare=False)
    """What `finished` has after the answer up to its end of turn; empty where the end token
    follows it."""

    @property
    def source(self) -> str:
        """The template as its authors wrote it."""
        return f"{self.prompt}{self.space}{{answer}}"

    @property
    def writes_end(self) -> bool:
        """Whether `finished` holds the end token."""
        return bool(self.end)

    @property
    def writes_date(self) -> bool:
        """Whether a prompt depends on the day."""
        return False

    def render(self, question: str) -> str:
        """Return the prompt for `question`."""
        return self.prompt.replace("{question}", question)

    def before(self, contents: Sequence[str]) -> str:
        """Return what stands before the answer, without the spaces next to it.

        Args:
            contents: the system prompt, or "", and the question; a chat template also takes a
                conversation up to a question.
        """
        system, question = contents
        return (f"{system}\n\n" if system else "") + self.render(question)

    def finished(self, contents: Sequence[str]) -> str:
        """Return a question with its answer.

        Args:
            contents: the system prompt, or "", and the two.
        """
        *asked, answer = contents
        return self.before(asked) + self.space + answer

    def with_system(self, system: str) -> "Template":
        """Return the template with an instruction before every question."""
        return replace(self, system=system)


def choose_template(tokenizer: Any, template: str | PromptSettings = "auto") -> Template:
    r"""Choose the template for a tokenizer.

    Args:
        tokenizer: a transformers tokenizer.
        template: `auto` (the tokenizer's chat template where it has one, else `plain`), `chat`,
            `plain`, `llama2`, or a text such as `"Q: {question}\\nA: {answer}"`; or settings with
            one of these.

    Raises:
        UserError: an unknown name, a text without both places, or a tokenizer without what it
            takes (a chat template, an end-of-sequence token); or settings that do nothing.
    """
    from simnpo.data.chat_template import chat_template

    settings = PromptSettings.of(template)
    template = settings.template
    if template == "auto":
        asked = tokenizer.chat_template or settings.chat_template
        template = "chat" if asked else "plain"
    if template == "chat":
        return chat_template(tokenizer, settings)
    for option in ("chat_template", "chat_template_kwargs"):
        if getattr(settings, option):
            name = option.replace("_", "-")
            raise UserError(
                f"--{name} does nothing with --template {template!r:.40}; leave it out."
            )
    if tokenizer.eos_token_id is None:
        raise UserError(
            "the tokenizer has no end-of-sequence token, so an answer has no end: set `eos_token` "
            "in its tokenizer_config.json."
        )
    text = PRESETS.get(template, template).replace("\\n", "\n")
    prompt, place, rest = text.partition("{answer}")
    if not place or rest or "{question}" not in prompt:
        raise UserError(
            f"template {template!r}: expected auto, chat, {', '.join(PRESETS)}, or a text that "
            "holds {question} and ends in {answer}."
        )
    stripped = prompt.rstrip(" ")
    return Template(
        template,
        stripped,
        prompt[len(stripped) :],
        tokenizer.eos_token_id,
        True,
        settings.system_prompt,
        ControlTokens(tokenizer, text),
    )
