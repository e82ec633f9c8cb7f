"""A model evaluated on a benchmark: where scoring and generation meet."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simnpo.benchmarks.base import Benchmark
from simnpo.data.encoding import Encoder
from simnpo.distributed import barrier, is_main, is_sharded
from simnpo.metrics.suites import Question
from simnpo.metrics.truth_ratio import Aggregation
from simnpo.runs import fingerprint
from simnpo.scoring.evaluation import write_evaluation
from simnpo.scoring.generate import generate
from simnpo.scoring.score import score
from simnpo.scoring.summary import run_of, summarise
from simnpo.scoring.tables import Tables


def evaluate_model(model: Any, encoder: Encoder, benchmark: Benchmark) -> Tables:
    """Score every answer variant and answer every question, each once.

    The model is put into evaluation mode for it, and back.

    Raises:
        UserError: see `simnpo.scoring.score.score`.
    """
    # With adapters the base holds them, too. FSDP gathers weights only for the model it was given.
    unwrap = hasattr(model, "get_base_model") and not is_sharded(model)
    plain = model.get_base_model() if unwrap else model
    was_training = plain.training
    plain.eval()
    try:
        scores = score(plain, encoder, benchmark.evaluation)
        answers = generate(plain, encoder, benchmark.evaluation)
    finally:
        plain.train(was_training)
    return Tables(scores, answers)


def evaluation_hashes(benchmark: Benchmark) -> dict[str, str]:
    """Return a hash of each evaluation set's items, by name."""
    return {name: fingerprint(asked.items) for name, asked in benchmark.evaluation.items()}


def evaluate_into(
    folder: Path,
    model: Any,
    encoder: Encoder,
    benchmark: Benchmark,
    retain: Tables | None,
    *,
    name: str,
    model_name: str,
    aggregation: Aggregation = "geometric",
    reference: Tables | None = None,
    is_retrain: bool = False,
    ask: Callable[[], Tables] | None = None,
    **origin: Any,
) -> None:
    """Evaluate a model and write the evaluation's folder.

    Args:
        folder: where to.
        model: a causal LM.
        encoder: its tokenizer, bound to a template.
        benchmark: what to evaluate on.
        retain: tables of a retain model, for metrics that compare with it.
        name: what tables and reports call the model.
        model_name: where it was loaded from.
        aggregation: of TOFU's truth ratios.
        reference: tables of the model that a reference attack compares with.
        is_retrain: the model is Retrain, so its own tables are those of the retain model.
        ask: makes the tables, where it is not `evaluate_model` that does.
        origin: what else `summary.json` is to say.

    Raises:
        UserError: see `evaluate_model` and `simnpo.metrics.suites.measure`.
    """
    started = time.monotonic()
    tables = ask() if ask else evaluate_model(model, encoder, benchmark)
    if is_main():
        known = tables if is_retrain else retain
        summary = summarise(
            benchmark.suite,
            Question(tables, known, aggregation, benchmark.split, reference, benchmark.controls),
            name=name,
            model=model_name,
            benchmark=benchmark.name,
            split=benchmark.split,
            data=evaluation_hashes(benchmark),
            template=encoder.template.name,
            max_length=encoder.max_length,
            max_new_tokens={
                name: asked.max_new_tokens for name, asked in benchmark.evaluation.items()
            },
            seconds=round(time.monotonic() - started, 2),
            **origin,
            **run_of(model_name),
        )
        write_evaluation(folder, summary, tables)
    barrier()
