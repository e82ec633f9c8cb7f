"""Multiple-choice tasks of EleutherAI's lm-evaluation-harness, into the same tables as our own."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from simnpo.data.tokenizer import Tokenizer
from simnpo.errors import UserError
from simnpo.evaluation.score import zlib_bytes
from simnpo.evaluation.tables import ANSWER, GENERATION_COLUMNS, PERTURBED, SCORE_COLUMNS, Tables
from simnpo.models.causal_lm import CausalLM
from simnpo.storage.json_values import Json, JsonObject

UNKNOWN = ("matches", "tail_matches")
"""Whole numbers that lm-eval does not tell; they are missing, as `min40_logprob` is."""


def lm_eval_version() -> str:
    """Return the version of lm-eval.

    Raises:
        UserError: it is not installed.
    """
    try:
        import lm_eval
    except ImportError:
        raise UserError("``lm_eval`` needs lm-eval: pip install 'simnpo[lm-eval]'.") from None
    return str(lm_eval.__version__)


def lm_eval_tables(
    model: CausalLM, tokenizer: Tokenizer, tasks: Sequence[str], include: Path | None = None
) -> Tables:
    """Let lm-eval ask a model, zero-shot and without a chat template.

    Args:
        model: a causal LM.
        tokenizer: the model's.
        tasks: names of tasks or groups; each becomes a set of that name, a group's tasks together.
        include: a folder with further task files.

    Returns:
        Scores with the choices in the task's order, and no generations.

    Raises:
        UserError: lm-eval is not installed, does not know a task or cannot load its data; or a task
            is not of multiple choice with one right answer.
    """
    lm_eval_version()
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    asked = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=8)
    try:
        found: JsonObject = lm_eval.simple_evaluate(
            model=asked,
            tasks=list(tasks),
            num_fewshot=0,
            task_manager=TaskManager(include_path=str(include) if include else None),
            bootstrap_iters=0,  # standard errors are ours
        )
    except Exception as error:  # of many kinds: an unknown task, data that the hub does not give
        reason = str(error).strip().splitlines()[:1]
        raise UserError(f"lm-eval: {type(error).__name__}: {' '.join(reason)}") from None
    rows = [
        row
        for name in tasks
        for item, sample in enumerate(_samples(found, name))
        for row in _rows(asked, name, item, sample)
    ]
    scores = pd.DataFrame(rows).reindex(columns=list(SCORE_COLUMNS))
    dtypes = SCORE_COLUMNS | dict.fromkeys(UNKNOWN, "Int64")
    generations = pd.DataFrame(columns=list(GENERATION_COLUMNS)).astype(GENERATION_COLUMNS)
    return Tables(scores.astype(dtypes), generations)


def _samples(found: Mapping[str, Json], name: str) -> Iterator[Mapping[str, Json]]:
    """Yield the samples of a task, or of all tasks of a group, in order."""
    if members := found["group_subtasks"].get(name):
        for member in members:
            yield from _samples(found, member)
        return
    if name not in found["configs"]:
        listed = ", ".join(found["configs"])
        raise UserError(
            f"lm-eval's {name} is a tag, and no task or group: name tasks of it ({listed})."
        )
    kind = found["configs"][name].get("output_type")
    if kind != "multiple_choice":
        raise UserError(
            f"lm-eval's task {name} is of the kind {kind}; only multiple_choice counts."
        )
    yield from sorted(found["samples"][name], key=lambda sample: int(sample["doc_id"]))


def _rows(
    asked: Any, name: str, item: int, sample: Mapping[str, Json]
) -> Iterator[dict[str, object]]:
    """Yield the columns that lm-eval tells of each answer to a question."""
    answers = list(zip(sample["arguments"], sample["filtered_resps"], strict=True))
    if "acc_mutual_info" in sample["metrics"]:  # each answer once more, without the question
        answers = answers[: len(answers) // 2]
    right = _right(name, item, sample["target"], [answer for (_, answer, *_), _ in answers])
    for place, ((prompt, answer, *_), (logprob, _)) in enumerate(answers):
        yield {
            "set": name,
            "item": item,
            "variant": ANSWER if place == right else PERTURBED,
            "index": place,
            "logprob": logprob,
            "tokens": len(asked._encode_pair(prompt, answer)[1]),  # as it scored them
            "zlib_bytes": zlib_bytes(answer),
        }


def _right(name: str, item: int, target: object, answers: Sequence[str]) -> int:
    """Return the place of the right answer, which a task names by place or by its text.

    Raises:
        UserError: there is none, or several are.
    """
    if isinstance(target, int) and 0 <= target < len(answers):
        return target
    places = [place for place, answer in enumerate(answers) if answer.strip() == target]
    if len(places) != 1:
        raise UserError(
            f"lm-eval's task {name}, item {item} has no single right answer: {target!r:.80}."
        )
    return places[0]
