"""Examples as token ids, with the place where the scored part begins."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from simnpo.config import MAX_LENGTH
from simnpo.data.examples import Example
from simnpo.data.normal_text import LETTER
from simnpo.data.prompt_settings import PromptSettings
from simnpo.data.template_choice import choose_template
from simnpo.data.templates import Template
from simnpo.data.tokenizer import Tokenizer
from simnpo.data.tokenizer_checks import begin_ids
from simnpo.errors import UserError

_WORD = re.compile(rf"{LETTER}+|\S")
"""A word, or a character that ends one or needs no space around it."""


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

    def __init__(
        self,
        tokenizer: Tokenizer,
        template: str | PromptSettings = "auto",
        max_length: int = MAX_LENGTH,
    ):
        """Bind a tokenizer to a template and a length limit in tokens.

        Raises:
            UserError: see `choose_template`; or a limit below 2 tokens.
        """
        if max_length < 2:
            raise UserError(f"``max_length`` {max_length}: at least 2 tokens are needed.")
        self.tokenizer = tokenizer
        self.settings = PromptSettings.of(template)
        self.template: Template = choose_template(tokenizer, self.settings)
        self.max_length = max_length
        assert self.template.control is not None
        self._control = self.template.control
        self._begin = begin_ids(tokenizer)
        self._last_prompt: tuple[str, tuple[int, ...]] = ("", ())

    def record(self) -> dict[str, object]:
        """Return what `summary.json` says of this encoder."""
        return {
            **self.settings.record(),
            "template": self.template.name,
            "max_length": self.max_length,
        }

    def prompt(self, question: str) -> tuple[int, ...]:
        """Return the ids of what stands before an answer, without an end token."""
        asked, ids = self._last_prompt
        if not ids or asked != question:  # answers of one question come one after the other
            ids = self._templated(self.template.before, [self.template.system, question])
            self._last_prompt = (question, ids)
        return ids

    def conversation(
        self, turns: Sequence[tuple[str, str]], question: str, system: str = ""
    ) -> tuple[int, ...]:
        """Return the ids of a prompt that goes on with a conversation.

        The first question without a system prompt has the ids that `prompt` gives it.

        Args:
            turns: earlier questions with their answers.
            question: what is asked now.
            system: an instruction before all of them, instead of the settings' own.

        Raises:
            UserError: the chat template refuses the conversation, such as its system prompt.
        """
        template = self.template.with_system(system) if system else self.template
        if template.name == "chat":
            contents = [*(text for turn in turns for text in turn), question]
            return self._templated(template.before, [template.system, *contents])
        ids: tuple[int, ...] = ()
        for turn in turns:  # each as in training, up to its end token
            row = self._templated(template.finished, [template.system, *turn])
            ids += (*row, template.end_id)
            template = template.with_system("")
        return ids + self._templated(template.before, [template.system, question])

    def encode(self, question: str, answer: str) -> Encoded:
        """Encode a question with its answer and end token.

        Raises:
            UserError: the answer is empty, has nothing before it, or is cut away wholly by the
                length limit; or see `ChatTemplate`.
        """
        if not answer.strip():
            raise UserError(f"the answer to {question!r:.80} is empty.")
        # Prompt and answer are tokenised together: apart, sentencepiece would put a space before
        # the answer. Where the boundary merges into one token, that token is the answer's first.
        contents = [self.template.system, question, answer]
        ids = self._templated(self.template.finished, contents)
        start = _boundary(self.prompt(question), ids)
        if not self.template.writes_end:
            ids = (*ids, self.template.end_id)
        if start == 0:
            raise UserError(
                f"template {self.template.name!r} leaves nothing before the answer to "
                f"{question!r:.80}, so its first token cannot be predicted."
            )
        if start >= self.max_length:
            raise UserError(
                f"the question {question!r:.80} takes {start} tokens, so ``max_length`` "
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
        ends = [word.end() for word in _WORD.finditer(answer)]

        def written(contents: Sequence[str]) -> str:
            return self.template.finished(contents).removesuffix(self.template.end)

        def tokens(end: int) -> int:
            return len(self._templated(written, [self.template.system, question, answer[:end]]))

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
        return self._pieces(self.verbatim(text), text)

    def verbatim(self, text: str) -> tuple[int, ...]:
        """Return the ids of a text that no template is put around, with what begins every text.

        An end token that the tokenizer would add is left out.
        """
        return (*self._begin, *self.plain_ids(text))

    def plain_ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of a text and no more: neither what begins every text, nor an end."""
        return self._control.ids(self._control.quote("".join, [text]))

    def _pieces(self, ids: tuple[int, ...], text: str) -> list[Encoded]:
        """Return the pieces of `text`, whose ids these are."""
        rest, size = ids[len(self._begin) :], self.max_length - len(self._begin)
        pieces = [self._begin + rest[n : n + size] for n in range(0, len(rest), size)]
        encoded = [Encoded(piece, 1) for piece in pieces if len(piece) > 1]
        if not encoded:
            raise UserError(f"the text {text!r:.80} is a single token: nothing to predict.")
        return encoded

    def encode_beginning(self, text: str) -> Encoded:
        """Encode a plain text as far as the length limit goes, scored from its second token on.

        Raises:
            UserError: the whole text is a single token.
        """
        ids = self.verbatim(text)
        first, *_ = self._pieces(ids, text)
        return first._replace(cut=len(first.ids) < len(ids))

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
        start = _boundary(begun, ids)
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

    def _templated(
        self, write: Callable[[Sequence[str]], str], contents: Sequence[str]
    ) -> tuple[int, ...]:
        """Return the ids of what the template writes around contents."""
        quoted = self._control.quote(write, contents)
        ids = self._control.ids(quoted)
        begins = self.template.adds_special_tokens and ids[: len(self._begin)] != self._begin
        return (*self._begin, *ids) if begins else ids


def _boundary(prompt: Sequence[int], whole: Sequence[int]) -> int:
    """Return the first place at which `whole` is no longer `prompt`."""
    return next(
        (n for n, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b),
        min(len(prompt), len(whole)),
    )


def count_truncated(encoded: Sequence[Encoded]) -> int:
    """Count the answers whose tail the length limit cut away."""
    return sum(one.cut for one in encoded)
