"""A model evaluated on a benchmark: where scoring and generation meet."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.own import GENERAL
from simnpo.data.as_seen import prompt_record
from simnpo.data.encoding import Encoder
from simnpo.data.normal_text import composed
from simnpo.evaluation.evaluation import Evaluation, computed_in, write_evaluation
from simnpo.evaluation.general import general_ability
from simnpo.evaluation.general_reference import GeneralReference
from simnpo.evaluation.generate import generate
from simnpo.evaluation.metrics.own import GeneralScores
from simnpo.evaluation.metrics.truth_ratio import Aggregation
from simnpo.evaluation.metrics.verdict_rules import KEEP
from simnpo.evaluation.score import rows_to_score, score
from simnpo.evaluation.suites import SUITES
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.summary import run_of, summarise
from simnpo.evaluation.tables import Tables
from simnpo.models.causal_lm import CausalLM
from simnpo.models.precision import in_four_bits, precision_of
from simnpo.storage.runs import fingerprint
from simnpo.system.distributed import barrier, is_main, is_sharded


def evaluate_model(model: CausalLM, encoder: Encoder, benchmark: Benchmark) -> Tables:
    """Score every answer variant and answer every question, each once.

    The model is put into evaluation mode for it, and back.

    Raises:
        UserError: see `simnpo.evaluation.score.score`.
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


def general_scores(model: CausalLM, reference: GeneralReference) -> GeneralScores:
    """Return how far a model is from the original on its answers to generic prompts.

    Raises:
        UserError: see `simnpo.evaluation.general.general_ability`.
    """
    found = general_ability(model, reference)
    return GeneralScores(tuple(found.kl.tolist()), found.agreement)


def evaluation_hashes(benchmark: Benchmark) -> dict[str, str]:
    """Return a hash of each evaluation set's items, by name, whatever their Unicode form.

    Of generic prompts there is none: their answers are a model's own.
    """
    sets = benchmark.evaluation.items()
    return {name: fingerprint(composed(asked.items)) for name, asked in sets if name != GENERAL}


def _prompt_record(encoder: Encoder, benchmark: Benchmark) -> dict[str, object]:
    """Return what prompts depend on, with the first item that is scored as an example."""
    for asked in benchmark.evaluation.values():
        if asked.scored and asked.items:
            first = asked.items[0]
            return prompt_record(encoder, first.question, first.answer, asked.verbatim)
    return prompt_record(encoder)


def evaluate_into(
    folder: Path,
    model: CausalLM,
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
    general: GeneralReference | None = None,
    before: Evaluation | None = None,
    keep: float = KEEP,
    is_original: bool = False,
    judged: int | None = None,
    **origin: object,
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
        general: what the original model answers to generic prompts, for its general ability.
        before: the original model's evaluation, for a verdict on own data.
        keep: share of before that must be kept, for that verdict.
        is_original: the model is the original itself.
        judged: items of own data's forget set that the verdict is about, the first so many; None
            takes all.
        origin: what else `summary.json` is to say.

    Raises:
        UserError: see `evaluate_model` and `simnpo.evaluation.suites.measure`.
    """
    started = time.monotonic()
    check_retrain = SUITES[benchmark.suite].check_retrain
    if check_retrain is not None and retain is not None:  # before the model is asked anything
        check_retrain(rows_to_score(benchmark.evaluation), retain)
    tables = ask() if ask else evaluate_model(model, encoder, benchmark)
    ability = general_scores(model, general) if general is not None else None
    if is_main():
        known = tables if is_retrain else retain
        rounding = {"precision": precision_of(model), "load_in_4bit": in_four_bits(model)}
        summary = summarise(
            benchmark.suite,
            SuiteInputs(
                tables,
                known,
                aggregation,
                benchmark.split,
                reference,
                benchmark.utility_sets,
                benchmark.identifiers,
                ability,
                before,
                keep,
                is_original,
                judged,
                forget_rows=len(benchmark.forget),
                shortened=benchmark.shortened,
                cautions=_rounding_caution(before, rounding),
            ),
            name=name,
            model=model_name,
            benchmark=benchmark.name,
            split=benchmark.split,
            data=evaluation_hashes(benchmark),
            **encoder.record(),
            prompt=_prompt_record(encoder, benchmark) | {"precision": rounding["precision"]},
            **rounding,
            max_new_tokens={
                name: asked.max_new_tokens for name, asked in benchmark.evaluation.items()
            },
            seconds=round(time.monotonic() - started, 2),
            **origin,
            **run_of(model_name),
        )
        write_evaluation(folder, summary, tables)
    barrier()


def _rounding_caution(before: Evaluation | None, rounding: Mapping[str, object]) -> tuple[str, ...]:
    """Say where the original was measured with weights or products rounded otherwise."""
    then = "" if before is None else computed_in(before.summary)
    now = computed_in(rounding)
    if not then or then == now:
        return ()
    return (
        f"The original was measured in {then} and this model in {now}: rounding is a part of what "
        "changed.",
    )
