"""`simnpo generate`: a model's answers to a file of questions."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.cli.answer_options import AnswerOptions
from simnpo.cli.options import Revision
from simnpo.errors import UserError
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.data.rows import Row
    from simnpo.models.causal_lm import CausalLM


@dataclass(frozen=True)
class Generate:
    """Answer every question of a file, in batches.

    Example: simnpo generate --model out --questions questions.jsonl --out answers.jsonl
    """

    model: str
    """Model that answers: a folder, a run of simnpo, or a hub id of any causal LM."""
    questions: str
    """Questions: a file, folder or hub dataset, as for --forget; answers in it are not read."""
    out: Path
    """File for the questions' rows with a column of answers, one JSON object a line (.jsonl)."""
    revision: Revision = None
    column: str = "generated"
    """Name of that column; as `answer`, the file is one that a model can be trained on."""
    question_column: str = "question"
    """Column with the question."""
    overwrite: bool = False
    """Replace the file --out."""
    answers: AnswerOptions = field(default_factory=AnswerOptions)

    def run(self) -> None:
        """Answer the questions, and say where the answers are."""
        from transformers import set_seed

        from simnpo.benchmarks.base import EvaluationSet, Item
        from simnpo.data.rows import read_rows
        from simnpo.evaluation.generate import generate
        from simnpo.models import load_model, quiet
        from simnpo.storage.files import write_text

        quiet()
        options = self.answers
        options.check()
        self._check_out()
        rows = read_rows(self.questions)
        questions = self._questions(rows)
        self._check_rows(rows)
        encoder = options.encoder(self.model)
        model = load_model(self.model, options.precision, options.trust_remote_code)
        self._check_lengths(model, rows, [len(encoder.prompt(one)) for one in questions])
        items = tuple(Item(question, "") for question in questions)
        asked = {"questions": EvaluationSet(items, options.max_new_tokens)}
        set_seed(options.seed)
        table = generate(model, encoder, asked, temperature=options.temperature)
        lines = (
            json.dumps(row.values | {self.column: answer}, ensure_ascii=False, default=_plain)
            + "\n"
            for row, answer in zip(rows, table["generated"], strict=True)
        )
        write_text(self.out, "".join(lines))
        write(f"Answers: {self.out} ({len(rows)} rows, column {self.column!r})")

    def _questions(self, rows: "list[Row]") -> list[str]:
        """Return the question in each row: of the named column, or of a layout that is known.

        Raises:
            UserError: a row has none.
        """
        from simnpo.data.layouts import QUESTION, find_layout, listed, text_of

        first, column = rows[0], self.question_column
        if column == QUESTION and column not in first.values:
            with suppress(UserError):
                layout = find_layout(first)  # with answers, such as `messages`
                if not layout.plain:
                    return [str(layout.read(row)[0]) for row in rows]
            raise UserError(
                f"{first.place}: found the columns {listed(first.values)}, and none is {column!r}: "
                "name that of the questions with ``question_column``."
            )
        return [text_of(row, column) for row in rows]

    def _check_out(self) -> None:
        """Make sure that --out may be written.

        Raises:
            UserError: it is of another kind, a folder, there already, or the questions' own file.
        """
        if self.out.suffix != ".jsonl":
            raise UserError(f"``out`` {self.out}: give a file that ends in .jsonl.")
        if self.out.is_dir():
            raise UserError(f"``out`` {self.out} is a folder; give a file.")
        if self.out.exists() and self.out.resolve() == Path(self.questions).resolve():
            raise UserError(f"``out`` {self.out} is the file of questions; give another.")
        if self.out.exists() and not self.overwrite:
            raise UserError(f"{self.out} exists: replace it with ``overwrite``, or give another.")

    def _check_rows(self, rows: "list[Row]") -> None:
        for row in rows:
            if self.column in row.values:
                raise UserError(
                    f"{row.place}: there is a column {self.column!r} already; name another with "
                    "``column``."
                )

    def _check_lengths(self, model: "CausalLM", rows: "list[Row]", lengths: list[int]) -> None:
        """Make sure that the model takes every question with its answer.

        Raises:
            UserError: one is too long; the message names its row.
        """
        from simnpo.models import longest_sequence

        room, new = longest_sequence(model), self.answers.max_new_tokens
        for row, length in zip(rows, lengths, strict=True):
            if room and length + new > room:
                raise UserError(
                    f"{row.place}: the prompt takes {length} tokens, and an answer may take {new} "
                    f"more; the model takes {room}. Lower ``max_new_tokens`` or shorten it."
                )


def _plain(value: object) -> object:
    """Return what Parquet and the hub hold, such as arrays and dates, as JSON has it."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
