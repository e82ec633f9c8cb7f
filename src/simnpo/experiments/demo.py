"""The main job from nothing: Original and Retrain, every method, every metric, the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simnpo.benchmarks.base import Benchmark
from simnpo.benchmarks.minis import Mini
from simnpo.benchmarks.preset import Preset
from simnpo.data.encoding import Encoder
from simnpo.evaluation.evaluate import evaluate_into
from simnpo.evaluation.evaluation import EVALUATION, SUMMARY, Evaluation, read_evaluation
from simnpo.evaluation.tables import Tables
from simnpo.experiments.jobs import Job
from simnpo.experiments.mini_models import mini_models
from simnpo.experiments.reinforce import unlearn
from simnpo.models import load_model, load_tokenizer
from simnpo.report.page import write_report
from simnpo.system.terminal import write
from simnpo.training.evaluate_callback import EvaluateWhileTraining
from simnpo.training.run import TrainingData


def run_demo(
    mini: Mini,
    presets: Sequence[Preset],
    out: Path,
    cache: Path,
    *,
    seed: int = 42,
    resume: bool = False,
    evaluate_epochs: int = 0,
    command: str | None = None,
) -> list[Evaluation]:
    """Make the models, unlearn with each method, evaluate all, write the report into `out`.

    Args:
        mini: the embedded benchmark.
        presets: the methods and their settings, in the order of the table.
        out: folder for the runs and the report.
        cache: where Original and Retrain are kept.
        seed: seed of every random choice.
        resume: keep the runs in `out` that are finished.
        evaluate_epochs: epochs between evaluations during unlearning; 0 has none.
        command: what the report names as the command that made it.

    Returns:
        The evaluations: Original, Retrain, then the methods.
    """
    models = mini_models(mini, cache, seed)
    benchmark = mini.benchmark
    retrain = _evaluate(benchmark, models.retrain, out / "retrain", "Retrain", None, resume)
    retain = retrain.tables
    original = _evaluate(benchmark, models.original, out / "original", "Original", retain, resume)
    evaluations = [original, retrain]
    for preset in presets:
        folder = out / folder_of(preset)
        _unlearn(benchmark, models.original, preset, folder, retain, evaluate_epochs, resume)
        title = preset.method.title
        evaluations.append(_evaluate(benchmark, folder, folder, title, retain, resume))
    title = f"{benchmark.name} {benchmark.split}"
    write_report(evaluations, out, title, command)
    return evaluations


def folder_of(preset: Preset) -> str:
    """Return the name of a method's folder in a demo."""
    return preset.method.title.lower().replace(" ", "-")


def _unlearn(
    benchmark: Benchmark,
    original: Path,
    preset: Preset,
    folder: Path,
    retain: Tables,
    evaluate_epochs: int,
    resume: bool,
) -> None:
    def watch(_: Any, tokenizer: Any) -> list[EvaluateWhileTraining]:
        if not evaluate_epochs:
            return []
        encoder = Encoder(tokenizer, max_length=benchmark.max_length)
        return [EvaluateWhileTraining(benchmark, encoder, folder, evaluate_epochs, retain)]

    job = Job(
        command="demo",
        model=str(original),
        method=preset.method,
        data=TrainingData(
            benchmark.forget,
            benchmark.retain,
            benchmark.refusals,
            max_length=benchmark.max_length,
        ),
        training=preset.training,
        further={"evaluate_epochs": evaluate_epochs},
    )
    unlearn(job, preset.reinforcement, folder, resume=resume, callbacks=watch)


def _evaluate(
    benchmark: Benchmark, model: Path, folder: Path, name: str, retain: Tables | None, resume: bool
) -> Evaluation:
    """Evaluate a model; without `retain` it is Retrain, whose forget quality is 1."""
    target = folder / EVALUATION
    if resume and (target / SUMMARY).is_file():
        known = read_evaluation(target)
        if known.summary["model"] == str(model):
            return known
    evaluate_into(
        target,
        load_model(str(model), "fp32"),
        Encoder(load_tokenizer(str(model)), max_length=benchmark.max_length),
        benchmark,
        retain,
        name=name,
        model_name=str(model),
        is_retrain=retain is None,
    )
    evaluation = read_evaluation(target)
    write(f"{name}: evaluated in {evaluation.summary['seconds']:.1f} s", to_stderr=True)
    return evaluation
