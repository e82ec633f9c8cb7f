"""Multiple-choice questions as prompts, as EleutherAI's lm-evaluation-harness writes them.

Its tasks `wmdp_*` and `mmlu_*` without examples: a line that names the subject, the question, the
lettered choices, and "Answer:", after which each letter is scored with a space before it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import ascii_uppercase as LETTERS

import numpy as np

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.data.layouts import text_of
from simnpo.data.normal_text import composed
from simnpo.data.rows import Row, read_file
from simnpo.errors import UserError

SUITE = "multiple_choice"
NEEDED = ("question", "choices", "answer")


def choice_item(question: str, choices: Sequence[str], right: int, subject: str | None) -> Item:
    """Return a question as lm-eval asks it.

    Args:
        question: without the choices; white space around it is dropped.
        choices: as many as there are letters at most.
        right: place of the right one.
        subject: named in the prompt's first line; None has no such line.
    """
    letters = LETTERS[: len(choices)]
    lines = [question.strip()]
    lines += [f"{letter}. {choice}" for letter, choice in zip(letters, choices, strict=True)]
    head = f"The following are multiple choice questions (with answers) about {subject}.\n\n"
    return Item(
        question=(head if subject else "") + "\n".join([*lines, "Answer:"]),
        answer=f" {letters[right]}",
        perturbed=tuple(f" {letter}" for letter in letters if letter != letters[right]),
        place=right,
    )


def choice_set(
    rows: Iterable[Row], subject: str | None = None, published: bool = False
) -> EvaluationSet:
    """Return the questions of rows with `question`, `choices` and `answer`.

    Args:
        rows: `answer` is the right choice's place, from 0, or its letter.
        subject: what the prompts' first line names; None takes it from a column `subject`, as MMLU
            has, with spaces for underscores, or leaves that line out where there is none.
        published: whether empty and repeated choices are asked as they stand: lm-eval asks a
            published benchmark's questions whatever they are.

    Raises:
        UserError: a column is missing or malformed, fewer than two choices, choices that are empty
            or repeated, an answer outside the choices (with its place).
    """
    return EvaluationSet(tuple(_item(row, subject, published) for row in rows), verbatim=True)


def choice_files(files: Sequence[Path], utility_sets: Sequence[str] = ()) -> Benchmark:
    """Return local files as a benchmark to evaluate on: each is a set, named by its stem.

    Args:
        files: `.json`, `.jsonl` or `.parquet`; see `choice_set`.
        utility_sets: names of the sets that ask for what must be kept.

    Raises:
        UserError: see `choice_set`; or two files of one name, or a file without rows.
    """
    sets: dict[str, EvaluationSet] = {}
    for path in files:
        if path.stem in sets:
            raise UserError(f"{path}: there are two sets named {path.stem!r}; rename a file.")
        if not (rows := read_file(path)):
            raise UserError(f"{path} holds no row.")
        sets[path.stem] = choice_set(rows)
    return Benchmark(
        name="choices",
        split=", ".join(sets),
        forget=(),
        retain=(),
        refusals=(),
        evaluation=sets,
        suite=SUITE,
        utility_sets=tuple(utility_sets),
    )


def _item(row: Row, subject: str | None, published: bool) -> Item:
    if missing := [name for name in NEEDED if name not in row.values]:
        raise UserError(f"{row.place}: no columns {missing}; it has {sorted(row.values)}.")
    choices = _choices(row, published)
    if subject is None and row.values.get("subject"):
        subject = text_of(row, "subject").replace("_", " ")
    return choice_item(text_of(row, "question"), choices, _right(row, len(choices)), subject)


def _choices(row: Row, published: bool) -> list[str]:
    given = row.values["choices"]
    if not isinstance(given, (list, np.ndarray)) or not all(isinstance(one, str) for one in given):
        raise UserError(f"{row.place}: 'choices' must be a list of texts, got {given!r:.80}.")
    if not 2 <= len(given) <= len(LETTERS):
        raise UserError(
            f"{row.place}: a question has 2 to {len(LETTERS)} choices, got {len(given)}."
        )
    for place, choice in enumerate(given):
        if not published and not choice.strip():
            raise UserError(f"{row.place}: choice {LETTERS[place]} is empty.")
        if not published and composed(choice) in (before := composed(list(given[:place]))):
            first = LETTERS[before.index(composed(choice))]
            raise UserError(
                f"{row.place}: choices {first} and {LETTERS[place]} are the same: {choice!r:.80}."
            )
    return list(given)


def _right(row: Row, count: int) -> int:
    """Return the place of the right choice."""
    answer = row.values["answer"]
    if isinstance(answer, str) and len(answer) == 1 and answer in LETTERS:
        place = LETTERS.index(answer)
    elif isinstance(answer, (int, np.integer)) and not isinstance(answer, bool):
        place = int(answer)
    else:
        raise UserError(
            f"{row.place}: 'answer' must be the right choice's place, from 0, or its letter; got "
            f"{answer!r:.80}."
        )
    if not 0 <= place < count:
        raise UserError(
            f"{row.place}: 'answer' is {answer!r}, and there are {count} choices: 0 to {count - 1},"
            f" or A to {LETTERS[count - 1]}."
        )
    return place
