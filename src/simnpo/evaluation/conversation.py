"""A conversation with a model, whose answers appear as they are made."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from simnpo.data.encoding import Encoder
from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError
from simnpo.evaluation.decoding import sampled
from simnpo.evaluation.generate import ends_of_answers
from simnpo.models import longest_sequence
from simnpo.models.causal_lm import CausalLM


@dataclass
class Conversation:
    """A model and what was said to it; greedy answers are those that an evaluation measures."""

    model: CausalLM
    encoder: Encoder
    max_new_tokens: int = 256
    temperature: float = 0.0
    """Answers are drawn at it; 0 takes the likeliest token each time."""
    turns: list[tuple[str, str]] = field(default_factory=list)
    """Questions with their answers, as far as they fit the model."""

    def ask(self, question: str, write: Callable[[str], object]) -> str:
        """Return the answer to a question.

        An answer that Ctrl-C breaks off stays in the conversation as far as it went.

        Args:
            question: goes on with the conversation; the oldest turns are dropped if it gets longer
                than the model takes.
            write: gets the answer piece by piece.

        Raises:
            UserError: the question alone is too long for the model, or see `Encoder.conversation`.
        """
        prompt = self._prompt(question)
        stop_ids = ends_of_answers(self.model, self.encoder)
        stream = TextStream(self.encoder.tokenizer, stop_ids, write)
        try:
            sampled(self.model, [prompt], self.max_new_tokens, stop_ids, self.temperature, stream)
        finally:
            stream.end()
            self.turns.append((question, stream.text))
        return stream.text

    def _prompt(self, question: str) -> tuple[int, ...]:
        """Return the ids of the conversation up to `question`, its oldest turns dropped to fit."""
        room = longest_sequence(self.model)
        while True:
            prompt = self.encoder.conversation(self.turns, question)
            if not room or len(prompt) + self.max_new_tokens <= room:
                return prompt
            if not self.turns:
                raise UserError(
                    f"this takes {len(prompt)} tokens, and an answer may take "
                    f"{self.max_new_tokens} more; the model takes {room}. Ask something shorter, "
                    "or lower ``max_new_tokens``."
                )
            del self.turns[0]


class TextStream:
    """A streamer for transformers' `generate`: tokens in, text out as soon as it is certain."""

    def __init__(
        self, tokenizer: Tokenizer, stop_ids: frozenset[int], write: Callable[[str], object]
    ) -> None:
        """Start an answer.

        Args:
            tokenizer: makes tokens into text.
            stop_ids: tokens that end an answer.
            write: gets each new piece of text.
        """
        self.text = ""
        """What was written so far."""
        self._tokenizer, self._stop_ids, self._write = tokenizer, stop_ids, write
        self._ids: list[int] | None = None  # until the prompt was seen

    def put(self, value: Tensor) -> None:
        """Take the prompt, and then one token at a time."""
        if self._ids is None:
            self._ids = []
            return
        self._ids += [one for one in value.flatten().tolist() if one not in self._stop_ids]
        self._show(final=False)

    def end(self) -> None:
        """Write what was held back; a second call does nothing."""
        self._show(final=True)

    def _show(self, final: bool) -> None:
        text = self._tokenizer.decode(self._ids or [], skip_special_tokens=True).strip()
        # Bytes of an unfinished character decode to U+FFFD.
        if not final and text.endswith("\N{REPLACEMENT CHARACTER}"):
            return
        if len(text) > len(self.text) and text.startswith(self.text):
            new, self.text = text[len(self.text) :], text
            self._write(new)
