"""Evaluation while training: the benchmark's metrics over epochs, and what they cost."""

import time
from pathlib import Path

import torch
from transformers import TrainerCallback, TrainerState

from simnpo.benchmarks.base import Benchmark
from simnpo.data.encoding import Encoder
from simnpo.evaluation.evaluate import evaluate_model, general_scores
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.general_reference import GeneralReference
from simnpo.evaluation.history import HISTORY, read_history, write_history
from simnpo.evaluation.metrics.own import GeneralScores
from simnpo.evaluation.suites import measure
from simnpo.evaluation.suites.base import SuiteInputs
from simnpo.evaluation.tables import Tables
from simnpo.models.causal_lm import CausalLM
from simnpo.system.distributed import broadcast_from_main, is_main


class EvaluateWhileTraining(TrainerCallback):
    """Writes a row of `history.jsonl` before training and every so many epochs."""

    def __init__(
        self,
        benchmark: Benchmark,
        encoder: Encoder,
        out: Path,
        every: int = 1,
        retain: Tables | None = None,
        general: GeneralReference | None = None,
        before: Evaluation | None = None,
    ):
        """Bind a benchmark to a run's folder.

        Args:
            benchmark: what to evaluate on.
            encoder: the model's tokenizer, bound to a template.
            out: the run's folder.
            every: epochs between evaluations.
            retain: a retain model's tables, for metrics that compare with it.
            general: what the original model answers to generic prompts, for general ability.
            before: the original model's evaluation on own data, for the share that is kept.
        """
        self._benchmark, self._encoder, self._retain = benchmark, encoder, retain
        self._general, self._before = general, before
        self._path, self._every = out / HISTORY, every

    def on_train_begin(
        self, args: object, state: TrainerState, control: object, model: CausalLM, **kwargs: object
    ) -> None:
        """Measure the model before the first step; after a resume, drop what came later."""
        done = state.epoch if state.global_step else 0.0
        kept = [row for row in read_history(self._path) if row["epoch"] <= done]
        if is_main():
            write_history(self._path, kept)
        self._measure_at(state.epoch or 0.0, model)

    def on_epoch_end(
        self, args: object, state: TrainerState, control: object, model: CausalLM, **kwargs: object
    ) -> None:
        """Measure the model, unless the run was stopped within the epoch."""
        self._measure_at(state.epoch, model)

    def _measure_at(self, epoch: float, model: CausalLM) -> None:
        whole = round(epoch)
        if abs(epoch - whole) > 1e-6 or whole % self._every:
            return
        if whole not in broadcast_from_main(
            lambda: [row["epoch"] for row in read_history(self._path)]
        ):
            self._measure(model, float(whole))

    def _measure(self, model: CausalLM, epoch: float) -> None:
        started = time.monotonic()
        tables = evaluate_model(model, self._encoder, self._benchmark)
        ability = self._ability(model)
        if not is_main():
            return
        benchmark = self._benchmark
        question = SuiteInputs(
            tables,
            self._retain,
            split=benchmark.split,
            utility_sets=benchmark.utility_sets,
            identifiers=benchmark.identifiers,
            general=ability,
            before=self._before,
        )
        metrics = measure(self._benchmark.suite, question).metrics
        seconds = round(time.monotonic() - started, 2)
        row = {"epoch": epoch, **metrics, "seconds": seconds}
        write_history(self._path, [*read_history(self._path), row])

    @torch.no_grad()
    def _ability(self, model: CausalLM) -> GeneralScores | None:
        if self._general is None:
            return None
        was_training = model.training
        model.eval()
        try:
            return general_scores(model, self._general)
        finally:
            model.train(was_training)
