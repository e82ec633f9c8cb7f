"""Examples as token ids, with the place where the scored part begins."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from simnpo.config import MAX_LENGTH
from simnpo.data.examples import Example
from simnpo.data.normal_text import LETTER
from simnpo.data.templates import Template, chat_text, choose_template
from simnpo.errors import UserError

_WORD = re.compile(rf"{LETTER}+|\S")
"""A word, or a character that ends one or needs no space beside it."""


class Encoded(NamedTuple):
    """Token ids of one sequence; `ids[start:]` is the answer with its end token."""

    ids: tuple[int, ...]
    start: int
    cut: bool = False
    """Whether the length limit cut the answer's tail (and its end token) away."""
    topic: str = ""
    """The example's."""

    @property
    def answer_length(self) -> int:
        """Number of scored tokens, |y| in the paper."""
        return len(self.ids) - self.start


class Encoder:
    """Turns questions and answers into token ids, the same way for training and scoring."""

    def __init__(self, tokenizer: Any, template: str = "auto", max_length: int = MAX_LENGTH):
        """Bind a tokenizer to a template and a length limit in tokens.

        Raises:
            UserError: see `choose_template`; or a limit below 2 tokens.
        """
        if max_length < 2:
            raise UserError(f"--max-length {max_length}: at least 2 tokens are needed.")
        self.tokenizer = tokenizer
        self.template: Template = choose_template(tokenizer, template)
        self.max_length = max_length

    def prompt(self, question: str) -> tuple[int, ...]:
        """Return the prompt's ids, without an end token."""
        return self._ids(self.template.render(question))

    def conversation(
        self, turns: Sequence[tuple[str, str]], question: str, system: str = ""
    ) -> tuple[int, ...]:
        """Return the ids of a prompt that goes on with a conversation.

        The first question without a system prompt has the ids that `prompt` gives it.

        Args:
            turns: earlier questions with their answers.
            question: what is asked now.
            system: an instruction before all of them.

        Raises:
            UserError: the chat template refuses the conversation, such as its system prompt.
        """
        if not turns and not system:
            return self.prompt(question)
        if self.template.name == "chat":
            messages = [{"role": "system", "content": system}] if system else []
            for asked, answer in turns:
                messages.append({"role": "user", "content": asked})
                messages.append({"role": "assistant", "content": answer})
            messages.append({"role": "user", "content": question})
            try:
                return self._ids(chat_text(self.tokenizer, messages))
            except Exception as error:  # templates raise jinja2's errors and their own
                raise UserError(
                    f"the model's chat template refuses this conversation: {error}"
                ) from None
        before = f"{system}\n\n" if system else ""
        ids: tuple[int, ...] = ()
        for asked, answer in turns:  # each as in training, up to its end token
            text = before + self.template.render(asked) + self.template.space + answer
            ids, before = (*ids, *self._ids(text), self.template.end_id), ""
        return (*ids, *self._ids(before + self.template.render(question)))

    def encode(self, question: str, answer: str) -> Encoded:
        """Encode a question with its answer and end token.

        Raises:
            UserError: the answer is empty, has nothing before it, or is cut away wholly by the
                length limit.
        """
        if not answer.strip():
            raise UserError(f"the answer to {question!r:.80} is empty.")
        prompt_text = self.template.render(question)
        prompt = self._ids(prompt_text)
        # Prompt and answer are tokenised together: apart, sentencepiece would put a space before
        # the answer. Where the boundary merges into one token, that token is the answer's first.
        whole = self._ids(prompt_text + self.template.space + answer)
        start = _parting(prompt, whole)
        ids = (*whole, self.template.end_id)
        if start == 0:
            raise UserError(
                f"template {self.template.name!r} leaves nothing before the answer to "
                f"{question!r:.80}, so its first token cannot be predicted."
            )
        if start >= self.max_length:
            raise UserError(
                f"the question {question!r:.80} takes {start} tokens, so --max-length "
                f"{self.max_length} leaves none of its answer; raise it or shorten the question."
            )
        return Encoded(ids[: self.max_length], start, len(ids) > self.max_length)

    def fitting(self, question: str, answer: str) -> str:
        """Return what the length limit leaves of an answer, up to its last whole word.

        That is what training and scoring see of it. One word is always left.

        Raises:
            UserError: see `encode`.
        """
        if not self.encode(question, answer).cut:
            return answer
        begun = self.template.render(question) + self.template.space
        ends = [word.end() for word in _WORD.finditer(answer)]

        def tokens(end: int) -> int:
            return len(self._ids(begun + answer[:end]))

        fit = bisect_right(ends, self.max_length, key=tokens)
        return answer[: ends[max(fit, 1) - 1]] if fit < len(ends) else answer

    def encode_text(self, text: str) -> list[Encoded]:
        """Cut a plain text into pieces of the length limit, scored from their second token on.

        Every piece begins with the beginning-of-sequence token where the tokenizer adds one. No end
        token is added, since a piece is not where a text ends; a last piece of one token has
        nothing to predict and is dropped.

        Raises:
            UserError: the whole text is a single token.
        """
        return self._pieces(self._ids(text), text)

    def _pieces(self, ids: tuple[int, ...], text: str) -> list[Encoded]:
        """Return the pieces of `text`, whose ids these are."""
        begun = ids[:1] if ids[:1] == (self.tokenizer.bos_token_id,) else ()
        rest, size = ids[len(begun) :], self.max_length - len(begun)
        pieces = [begun + rest[n : n + size] for n in range(0, len(rest), size)]
        encoded = [Encoded(piece, 1) for piece in pieces if len(piece) > 1]
        if not encoded:
            raise UserError(f"the text {text!r:.80} is a single token: nothing to predict.")
        return encoded

    def encode_beginning(self, text: str) -> Encoded:
        """Encode a plain text as far as the length limit goes, scored from its second token on.

        Raises:
            UserError: the whole text is a single token.
        """
        ids = self._ids(text)
        first, *_ = self._pieces(ids, text)
        return first._replace(cut=len(first.ids) < len(ids))

    def verbatim(self, prompt: str) -> tuple[int, ...]:
        """Return the ids of a prompt that no template is put around."""
        return tuple(self.tokenizer(prompt)["input_ids"])

    def cut(self, text: str, tokens: int) -> str:
        """Return what the first `tokens` ids of a text say; a beginning-of-sequence id counts."""
        ids = self.verbatim(text)[:tokens]
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def encode_verbatim(
        self, prompt: str, continuation: str, max_length: int | None = None
    ) -> Encoded:
        """Encode a prompt as it stands and what follows it, without an end token.

        The continuation keeps its own leading space. A prompt that does not fit loses its
        beginning, since what is asked stands at its end.

        Args:
            prompt: not changed.
            continuation: what is scored.
            max_length: tokens of both at most; None takes the encoder's limit.

        Raises:
            UserError: the continuation is empty or alone exceeds the length limit, or nothing
                stands before it.
        """
        limit = max_length or self.max_length
        begun, ids = self.verbatim(prompt), self.verbatim(prompt + continuation)
        start = _parting(begun, ids)
        if start == 0 or start == len(ids) or len(ids) - start >= limit:
            raise UserError(
                f"{continuation!r:.80} after {prompt!r:.80} leaves nothing to score, or nothing to "
                f"score it from, within {limit} tokens."
            )
        dropped = max(0, len(ids) - limit)
        return Encoded(ids[dropped:], start - dropped, dropped > 0)

    def encode_all(self, examples: Iterable[Example]) -> list[Encoded]:
        """Encode examples in order; a long plain text becomes several pieces."""
        encoded: list[Encoded] = []
        for question, answer, topic, _ in examples:
            if question is None:
                pieces = self.encode_text(answer)
            else:
                pieces = [self.encode(question, answer)]
            encoded += [piece._replace(topic=topic) for piece in pieces]
        return encoded

    def _ids(self, text: str) -> tuple[int, ...]:
        special = self.template.adds_special_tokens
        ids = list(self.tokenizer(text, add_special_tokens=special)["input_ids"])
        # Some tokenizers close every text with EOS; here the end token is added by us, once.
        if special and ids and ids[-1] == self.tokenizer.eos_token_id:
            ids.pop()
        return tuple(ids)


def _parting(prompt: Sequence[int], whole: Sequence[int]) -> int:
    """Return the first place at which `whole` is no longer `prompt`."""
    return next(
        (n for n, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b),
        min(len(prompt), len(whole)),
    )


def count_cut(encoded: Sequence[Encoded]) -> int:
    """Count the answers whose tail the length limit cut away."""
    return sum(one.cut for one in encoded)
