"""`simnpo chat`: talk to a model, or to two of them side by side."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simnpo.cli.answer_options import AnswerOptions
from simnpo.cli.options import Revision, Unset
from simnpo.errors import Stopped, UserError
from simnpo.system.command_words import with_options
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.evaluation.conversation import Conversation

NEW = "/new"
"""The line that starts a new conversation."""


@dataclass(frozen=True)
class Chat:
    """Talk to a model: each line of the input is a question, and the conversation goes on.

    /new starts a new conversation; Ctrl-C ends an answer, Ctrl-D the chat. Questions may also come
    from a pipe.

    Example: simnpo chat --model out --compare my-model
    """

    model: str
    """Model to talk to: a folder, a run of simnpo, or a hub id of any causal LM."""
    revision: Revision = None
    compare: Unset[str] = None
    """Second model, which answers the same questions."""
    answers: AnswerOptions = field(default_factory=AnswerOptions)

    def run(self) -> None:
        """Answer line by line until the input ends."""
        from transformers import set_seed

        from simnpo.models import quiet

        quiet()
        self.answers.check()
        models = [self.model] if self.compare is None else [self.model, self.compare]
        names = self._names(models)
        talks = [self._conversation(model) for model in models]
        set_seed(self.answers.seed)
        typed = sys.stdin.isatty()
        if typed:
            template = talks[0].encoder.template.name
            write(
                f"{' and '.join(names)} (template {template!r:.40}). {NEW} starts a new "
                "conversation, Ctrl-C ends an answer, Ctrl-D the chat.",
                to_stderr=True,
            )
        for question in _typed() if typed else map(str.strip, sys.stdin):
            if question == NEW:
                for talk in talks:
                    talk.turns.clear()
                if typed:
                    write("New conversation.", to_stderr=True)
                continue
            if question:
                for name, talk in zip(names, talks, strict=True):
                    _answer(talk, question, f"{name}: " if self.compare else "", typed)

    def _conversation(self, model: str) -> "Conversation":
        from simnpo.evaluation.conversation import Conversation
        from simnpo.models import load_model

        options = self.answers
        encoder = options.encoder(model)
        loaded = load_model(model, options.precision, options.trust_remote_code)
        return Conversation(loaded, encoder, options.max_new_tokens, options.temperature)

    def _names(self, models: list[str]) -> list[str]:
        """Return what answers are labelled with: the methods, where these differ."""
        from simnpo.evaluation.summary import display_name, run_of

        names = [display_name(model, run_of(model)) for model in models]
        return names if len({*names}) == len(names) else models


def _answer(talk: "Conversation", question: str, label: str, typed: bool) -> None:
    """Print the answer to a question as it is made; Ctrl-C ends it, where questions are typed.

    Raises:
        KeyboardInterrupt: Ctrl-C, where they are not.
        UserError: see `Conversation.ask`, where they are not typed; else it is printed.
    """
    write(label, end="")
    try:
        talk.ask(question, lambda text: write(text, end=""))
    except KeyboardInterrupt as asked:
        if not typed or isinstance(asked, Stopped):
            raise
        write(" [ended]", end="")
    except UserError as error:
        if not typed:
            raise
        write(f"simnpo: {with_options(error)}", end="", to_stderr=True)
    write()


def _typed() -> Iterator[str]:
    """Yield what is typed on the terminal, line by line."""
    with suppress(ImportError):  # Windows has none
        import readline  # noqa: F401  # gives `input` a history and cursor keys
    while True:
        try:
            yield input("> ").strip()
        except EOFError:
            write()
            return
        except KeyboardInterrupt as asked:
            if isinstance(asked, Stopped):
                raise
            write("\n(Ctrl-D ends the chat.)", to_stderr=True)
