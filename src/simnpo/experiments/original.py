"""The original model on a user's own sets, kept in a folder: what a verdict compares with."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.benchmarks.own import FORGET, GENERAL, KEPT, RETAIN, OwnSets, own_benchmark
from simnpo.data.encoding import Encoder
from simnpo.data.prompt_settings import USUAL
from simnpo.evaluation.evaluate import evaluate_into, evaluation_hashes
from simnpo.evaluation.evaluation import SUMMARY, Evaluation, read_evaluation
from simnpo.evaluation.general import reference_answers
from simnpo.evaluation.general_reference import GeneralReference
from simnpo.evaluation.score import checked_rows
from simnpo.evaluation.tables import Tables
from simnpo.models.causal_lm import CausalLM
from simnpo.models.precision import precision_of
from simnpo.storage.files import read_json
from simnpo.storage.json_values import Json
from simnpo.system.distributed import is_main

BEFORE = "before"
"""Where a run keeps the evaluation of the model it started from."""
REFERENCE = "general.safetensors"
"""The original's answers to generic prompts, next to its evaluation."""
NAME = "Before"


def measured_sets(
    sets: OwnSets, encoder: Encoder, reference: GeneralReference | None, max_items: int | None
) -> Benchmark:
    """Return own data as a benchmark, with the generic prompts where their reference is known.

    Raises:
        UserError: see `GeneralReference.check`.
    """
    benchmark = own_benchmark(sets, encoder, max_items)
    if reference is None:
        return benchmark
    reference.check(encoder)
    items = tuple(
        Item(prompt, answer)
        for prompt, answer in zip(reference.prompts, reference.answers, strict=True)
    )
    asked = EvaluationSet(items, reference.max_new_tokens, scored=False)
    return benchmark_with(benchmark, GENERAL, asked)


def measure_original(
    folder: Path,
    model: CausalLM,
    encoder: Encoder,
    sets: OwnSets,
    *,
    retain: Tables | None = None,
    max_items: int | None = None,
    model_name: str,
    name: str = NAME,
    **origin: Json,
) -> None:
    """Evaluate the original model into `folder`, with its reference for general ability.

    What is finished there is kept, unless it is of another model, other rows or another prompt.

    Raises:
        UserError: see `check_rows` and `evaluate_into`.
    """
    known = {
        "model": model_name,
        "data": evaluation_hashes(measured_sets(sets, encoder, None, max_items)),
        **dict.fromkeys(USUAL),
        **encoder.record(),
        "precision": precision_of(model),
    }
    if _is_measured(folder, known):
        return
    check_rows(model, encoder, sets)
    reference = reference_answers(model, encoder)
    if is_main():
        folder.mkdir(parents=True, exist_ok=True)
        reference.save(folder / REFERENCE)
    evaluate_into(
        folder,
        model,
        encoder,
        measured_sets(sets, encoder, reference, max_items),
        retain,
        name=name,
        model_name=model_name,
        general=reference,
        is_original=True,
        **origin,
    )


def check_rows(model: CausalLM, encoder: Encoder, sets: OwnSets) -> None:
    """Make sure that a model takes every row, measured or not, before it is asked anything.

    Raises:
        UserError: see `checked_rows`.
    """
    checked_rows(model, encoder, own_benchmark(sets, encoder).evaluation)


def _is_measured(folder: Path, known: Mapping[str, object]) -> bool:
    """Return whether `folder` holds a finished evaluation whose summary agrees with `known`."""
    if not ((folder / SUMMARY).is_file() and (folder / REFERENCE).is_file()):
        return False
    summary = read_json(folder / SUMMARY)
    return all(summary.get(key) == value for key, value in known.items())


class Original(NamedTuple):
    """What `measure_original` left in a folder; None for what is not there."""

    evaluation: Evaluation | None = None
    general: GeneralReference | None = None

    @classmethod
    def read(cls, folder: Path) -> "Original":
        """Read it."""
        path = folder / REFERENCE
        return cls(
            read_evaluation(folder) if (folder / SUMMARY).is_file() else None,
            GeneralReference.load(path) if path.is_file() else None,
        )

    def on_same_rows(self, benchmark: Benchmark) -> "Original":
        """Return it without its evaluation where that is of other rows to forget or to keep.

        Rows that another length limit shortens are others.
        """
        if self.evaluation is None:
            return self
        summary = self.evaluation.summary
        now, then = evaluation_hashes(benchmark), summary["data"]
        same = all(now.get(name) == then.get(name) for name in (FORGET, RETAIN, KEPT))
        same = same and summary.get("max_length") in (None, benchmark.max_length)
        return self if same else self._replace(evaluation=None)


def benchmark_with(benchmark: Benchmark, name: str, asked: EvaluationSet) -> Benchmark:
    """Return `benchmark` with one more evaluation set."""
    return replace(benchmark, evaluation={**benchmark.evaluation, name: asked})
