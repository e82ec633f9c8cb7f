"""Evaluation while training: the benchmark's metrics over epochs, and what they cost."""

import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from simnpo.benchmarks.base import Benchmark
from simnpo.data.encoding import Encoder
from simnpo.distributed import from_main, is_main
from simnpo.metrics.suites import Question, measure
from simnpo.scoring.evaluate import evaluate_model
from simnpo.scoring.history import HISTORY, read_history, write_history
from simnpo.scoring.tables import Tables


class EvaluateWhileTraining(TrainerCallback):
    """Writes a row of `history.jsonl` before training and every so many epochs."""

    def __init__(
        self,
        benchmark: Benchmark,
        encoder: Encoder,
        out: Path,
        every: int = 1,
        retain: Tables | None = None,
    ):
        """Bind a benchmark to a run's folder.

        Args:
            benchmark: what to evaluate on.
            encoder: the model's tokenizer, bound to a template.
            out: the run's folder.
            every: epochs between evaluations.
            retain: a retain model's tables, for metrics that compare with it.
        """
        self._benchmark, self._encoder, self._retain = benchmark, encoder, retain
        self._path, self._every = out / HISTORY, every

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
    ) -> None:
        """Measure the model before the first step; after a resume, drop what came later."""
        done = state.epoch if state.global_step else 0.0
        kept = [row for row in read_history(self._path) if row["epoch"] <= done]
        if is_main():
            write_history(self._path, kept)
        self._measure_at(state.epoch or 0.0, model)

    def on_epoch_end(
        self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
    ) -> None:
        """Measure the model, unless the run was stopped within the epoch."""
        self._measure_at(state.epoch, model)

    def _measure_at(self, epoch: float, model: Any) -> None:
        whole = round(epoch)
        if abs(epoch - whole) > 1e-6 or whole % self._every:
            return
        if whole not in from_main(lambda: [row["epoch"] for row in read_history(self._path)]):
            self._measure(model, float(whole))

    def _measure(self, model: Any, epoch: float) -> None:
        started = time.monotonic()
        tables = evaluate_model(model, self._encoder, self._benchmark)
        if not is_main():
            return
        benchmark = self._benchmark
        question = Question(
            tables, self._retain, split=benchmark.split, controls=benchmark.controls
        )
        metrics = measure(self._benchmark.suite, question).metrics
        seconds = round(time.monotonic() - started, 2)
        row = {"epoch": epoch, **metrics, "seconds": seconds}
        write_history(self._path, [*read_history(self._path), row])
