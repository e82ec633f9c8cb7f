"""How a question becomes a prompt, and where its answer begins and ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

    def render(self, question: str) -> str:
        """Return the prompt for `question`."""
        return self.prompt.replace("{question}", question)


def choose_template(tokenizer: Any, template: str = "auto") -> Template:
    r"""Choose the template for a tokenizer.

    Args:
        tokenizer: a transformers tokenizer.
        template: `auto` (the tokenizer's chat template where it has one, else `plain`), `chat`,
            `plain`, `llama2`, or a text such as `"Q: {question}\\nA: {answer}"`.

    Raises:
        UserError: an unknown name, a text without both places, or a tokenizer without what it
            takes (a chat template, an end-of-sequence token).
    """
    if template == "auto":
        template = "chat" if tokenizer.chat_template else "plain"
    if template == "chat":
        return _chat_template(tokenizer)
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
    return Template(template, stripped, prompt[len(stripped) :], tokenizer.eos_token_id, True)


def chat_text(tokenizer: Any, messages: Sequence[Mapping[str, str]], prompt: bool = True) -> str:
    """Return messages as the tokenizer's chat template writes them.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        messages: each with a `role` and a `content`.
        prompt: whether the beginning of the model's answer follows.
    """
    # Llama-3's templates write today's date where none is given: prompts would change overnight.
    settings = {"tokenize": False, "date_string": "26 Jul 2024"}
    made = tokenizer.apply_chat_template(list(messages), add_generation_prompt=prompt, **settings)
    return str(made)


def _chat_template(tokenizer: Any) -> Template:
    if not tokenizer.chat_template:
        raise UserError("--template chat: the tokenizer has no chat template; use plain.")
    asked = [{"role": "user", "content": "{question}"}]
    answered = [*asked, {"role": "assistant", "content": "{answer}"}]
    prompt = chat_text(tokenizer, asked)
    whole = chat_text(tokenizer, answered, prompt=False)
    _, _, end = whole.partition("{answer}")
    # The turn's end differs from the tokenizer's EOS in some chat formats; what the template
    # writes right after an answer is what the model was taught to stop with.
    end_ids = tokenizer(end, add_special_tokens=False)["input_ids"] if end else []
    special = {*tokenizer.all_special_ids}
    # Phi-3's and Gemma 3's turn ends are special tokens that `all_special_ids` does not list.
    special |= {one for one, token in tokenizer.added_tokens_decoder.items() if token.special}
    end_id = end_ids[0] if end_ids and end_ids[0] in special else None
    end_id = tokenizer.eos_token_id if end_id is None else end_id
    if "{question}" not in prompt or end_id is None:
        raise UserError(
            "the tokenizer's chat template does not show the question, or there is no token that "
            "ends an answer; use --template plain or a text of your own."
        )
    return Template("chat", prompt, "", end_id, False)
