"""The template for a tokenizer: its own, one by name, or a text."""

from simnpo.data.chat_template import chat_template
from simnpo.data.control_tokens import ControlTokens
from simnpo.data.prompt_settings import PromptSettings
from simnpo.data.templates import PLAIN, Template
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError

PRESETS = {
    "plain": PLAIN,
    # TOFU's format for Llama-2-chat: no space before the answer.
    "llama2": "[INST] {question} [/INST]{answer}",
}


def choose_template(tokenizer: Tokenizer, template: str | PromptSettings = "auto") -> Template:
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
    settings = PromptSettings.of(template)
    template = settings.template
    if template == "auto":
        asked = tokenizer.chat_template or settings.chat_template
        template = "chat" if asked else "plain"
    if template == "chat":
        return chat_template(tokenizer, settings)
    for name in ("chat_template", "chat_template_kwargs"):
        if getattr(settings, name):
            raise UserError(
                f"``{name}`` does nothing with ``template`` {template!r:.40}; leave it out."
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
