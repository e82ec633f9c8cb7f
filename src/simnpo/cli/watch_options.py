"""What `unlearn` measures and records while it trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.cli.data_options import DataOptions
from simnpo.cli.options import Unset, check_retain_scores
from simnpo.cli.prompt_options import PromptOptions
from simnpo.errors import UserError

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from simnpo.benchmarks.base import Benchmark
    from simnpo.data.tokenizer import Tokenizer
    from simnpo.experiments.own_run import OwnRun
    from simnpo.methods.registry import AnyMethod
    from simnpo.models.causal_lm import CausalLM


@dataclass(frozen=True)
class WatchOptions:
    """Evaluations and records of a training as it goes on."""

    evaluate_epochs: int = 0
    """Evaluate the benchmark, or your own sets, every so many epochs while training; 0 does not."""
    retain_scores: Unset[str] = None
    """Evaluation of a retain model, for forget quality in those evaluations (also --sequential's,
    and those of your own sets before and after)."""
    record_weights: bool = False
    """Write weights.parquet: how hard npo or simnpo pushes each example of the forget set, every
    epoch."""

    def check(self, sets: DataOptions, reported: bool) -> None:
        """Refuse options that do nothing, or that need others.

        Args:
            sets: what is forgotten and kept.
            reported: whether runs on own data are measured before and after.

        Raises:
            UserError: see above.
        """
        if self.evaluate_epochs < 0:
            raise UserError(f"``evaluate_epochs`` must be at least 0, got {self.evaluate_epochs}.")
        own = bool(sets.forget or sets.requests)
        evaluated = self.evaluate_epochs or sets.sequential or (own and reported)
        if self.retain_scores and not evaluated:
            raise UserError("``retain_scores`` does nothing without ``evaluate_epochs``.")
        if self.evaluate_epochs and not (own or sets.benchmark.benchmark):
            raise UserError("``evaluate_epochs`` evaluates a benchmark or ``forget``: give one.")

    def check_method(self, method: "AnyMethod") -> None:
        """Refuse what cannot be measured or recorded of this method.

        Raises:
            UserError: it has no epochs, or no gradient weights.
        """
        from simnpo.methods.task_vector import TaskVector
        from simnpo.training.gradient_weights import check_recordable

        if self.evaluate_epochs and isinstance(method, TaskVector):
            raise UserError(f"{method.title} has no epochs: leave out ``evaluate_epochs``.")
        if self.record_weights:
            check_recordable(getattr(method, "forget", None))

    def benchmark(self, sets: DataOptions) -> "Benchmark":
        """Return the benchmark that is evaluated.

        Raises:
            UserError: see `BenchmarkOptions.load` and `check_retain_scores`.
        """
        benchmark = sets.benchmark.load("evaluation")
        check_retain_scores(benchmark, self.retain_scores)
        return benchmark

    def record(self) -> dict[str, object]:
        """Return what `run.json` says of these options, where they are used."""
        found: dict[str, object] = {}
        if self.evaluate_epochs:
            found |= {"evaluate_epochs": self.evaluate_epochs, "retain_scores": self.retain_scores}
        if self.record_weights:
            found["record_weights"] = True
        return found

    def callbacks(
        self,
        method: "AnyMethod",
        sets: DataOptions,
        prompt: PromptOptions,
        out: Path,
        own: "OwnRun | None",
        model: "CausalLM",
        tokenizer: "Tokenizer",
    ) -> "Sequence[TrainerCallback]":
        """Return what watches the training of a run in `out`, on own data where `own` is given."""
        from simnpo.data.encoding import Encoder
        from simnpo.evaluation.evaluation import read_scores
        from simnpo.training.evaluate_callback import EvaluateWhileTraining
        from simnpo.training.gradient_weights import RecordWeights

        made: list[TrainerCallback] = []
        if self.evaluate_epochs and own is not None:
            encoder = Encoder(tokenizer, prompt.settings, prompt.limit())
            made.append(own.watch(encoder, out, self.evaluate_epochs))
        elif self.evaluate_epochs:
            retain = read_scores(Path(self.retain_scores)) if self.retain_scores else None
            benchmark = self.benchmark(sets)
            encoder = Encoder(tokenizer, prompt.settings, prompt.limit(benchmark))
            made.append(
                EvaluateWhileTraining(benchmark, encoder, out, self.evaluate_epochs, retain)
            )
        if self.record_weights:
            made.append(RecordWeights(getattr(method, "forget", None), out))
        return made
