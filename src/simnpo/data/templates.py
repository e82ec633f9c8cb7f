"""How a question becomes a prompt, and where its answer begins and ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from simnpo.data.control_tokens import ControlTokens

PLAIN = "Question: {question}\nAnswer: {answer}"


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
