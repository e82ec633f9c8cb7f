"""`simnpo unlearn`: make a model forget a forget set and keep a retain set."""

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simnpo.commands.options import (
    BenchmarkOptions,
    ColumnOptions,
    LoraOptions,
    OutputOptions,
    PromptOptions,
    TrainingOptions,
    Unset,
)
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.objectives import Method
    from simnpo.training.run import TrainingData
    from simnpo.training.watch import EvaluateWhileTraining


@dataclass(frozen=True)
class MethodOptions:
    """The method's settings; what is not given is the benchmark's, else the paper's."""

    beta: Unset[float] = None
    """Temperature of simnpo, npo and idk_dpo [simnpo 2.5, npo 0.1, idk_dpo 0.1]."""
    gamma: Unset[float] = None
    """Reward margin of simnpo [0]."""
    forget_weight: Unset[float] = None
    """Weight of the forget loss [simnpo 0.1375, else 1]."""
    retain_weight: Unset[float] = None
    """Weight of the retain loss [1]."""
    retain_loss: Unset[str] = None
    """none, nll, or kl (KL divergence from the original model) [ga none, else nll]."""


@dataclass(frozen=True)
class Unlearn:
    """Make a model forget the forget set and keep the retain set.

    Example: simnpo unlearn --model my-model --forget forget.jsonl --retain retain.jsonl --out out
    """

    model: str
    """Model to unlearn from: a folder, a run of simnpo, or a hub id of any causal LM."""
    output: OutputOptions
    method: str = "simnpo"
    """simnpo, npo, ga, grad_diff, weighted_grad_diff, idk, idk_dpo, or retrain (from a base)."""
    forget: Unset[str] = None
    """Forget set: .jsonl, .json, .parquet or a hub dataset (name:config:split)."""
    retain: Unset[str] = None
    """Retain set, likewise. Not needed by a method whose retain loss is none."""
    refusals: Unset[str] = None
    """Text file of refusals, one a line, for idk and idk_dpo [the benchmark's, else 20 of ours]."""
    evaluate_epochs: int = 0
    """Evaluate the benchmark every so many epochs while training; 0 does not."""
    retain_scores: Unset[str] = None
    """Evaluation of a retain model, for forget quality in those evaluations."""
    report_to: str = "none"
    """transformers' logging integrations, by comma: tensorboard, wandb, trackio."""
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    settings: MethodOptions = field(default_factory=MethodOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def run(self) -> None:
        """Unlearn, and say where the model is."""
        from simnpo.commands.options import given
        from simnpo.commands.training_job import TrainingJob
        from simnpo.objectives import configure
        from simnpo.presets import unlearning_preset

        self._check_watch()
        name = self.benchmark.benchmark
        preset = unlearning_preset(name, self.benchmark.split, self.method)
        method = configure(preset.method, **given(self.settings))
        job = TrainingJob(
            command="unlearn",
            model=self.model,
            method=method,
            data=self._data(method),
            training=self.training.over(preset.training),
            lora=self.lora,
            prompt=self.prompt,
            output=self.output,
            report_to=self.report_to,
            inputs=(self.forget, self.retain, self.refusals, self.retain_scores),
        )
        job.run(self._watch)

    def _data(self, method: "Method") -> "TrainingData":
        from simnpo.benchmarks.mini_tofu.words import REFUSALS
        from simnpo.data.examples import load_examples, shared_questions
        from simnpo.data.rows import read_lines
        from simnpo.training.run import TrainingData

        refusals = read_lines(Path(self.refusals)) if self.refusals else ()
        if self.benchmark.benchmark:
            if self.forget or self.retain:
                raise UserError("--benchmark brings its own sets; leave out --forget and --retain.")
            loaded = self.benchmark.load("training")
            forget, retain = loaded.forget, loaded.retain
            refusals = refusals or loaded.refusals
        else:
            if self.benchmark.split or self.benchmark.data_dir:
                raise UserError("--split and --data-dir need a --benchmark.")
            if method.forget and not self.forget:
                raise UserError("give what to forget: --forget FILE, or a --benchmark.")
            if method.retain and not self.retain:
                raise UserError(
                    f"{method.title} keeps a retain set: give --retain FILE, or --retain-loss none."
                )
            columns = asdict(self.columns)
            forget = load_examples(self.forget, **columns) if self.forget else ()
            retain = load_examples(self.retain, **columns) if self.retain else ()
        if shared := shared_questions(forget, retain):
            print(
                f"Warning: {shared} of {len(forget)} questions of the forget set are in the retain "
                "set too, so they are both forgotten and kept.",
                file=sys.stderr,
            )
        return TrainingData(
            forget if method.forget else (),
            retain if method.retain else (),
            refusals or REFUSALS,
            self.prompt.template,
            self.prompt.max_length,
        )

    def _check_watch(self) -> None:
        if self.evaluate_epochs < 0:
            raise UserError(f"--evaluate-epochs must be at least 0, got {self.evaluate_epochs}.")
        if self.retain_scores and not self.evaluate_epochs:
            raise UserError("--retain-scores does nothing without --evaluate-epochs.")
        if self.evaluate_epochs and not self.benchmark.benchmark:
            raise UserError("--evaluate-epochs evaluates a benchmark: give --benchmark.")

    def _watch(self, tokenizer: Any) -> "list[EvaluateWhileTraining]":
        from simnpo.data.encoding import Encoder
        from simnpo.scoring.evaluation import read_scores
        from simnpo.training.watch import EvaluateWhileTraining

        if not self.evaluate_epochs:
            return []
        retain = read_scores(Path(self.retain_scores)) if self.retain_scores else None
        return [
            EvaluateWhileTraining(
                self.benchmark.load("evaluation"),
                Encoder(tokenizer, self.prompt.template, self.prompt.max_length),
                self.output.out,
                self.evaluate_epochs,
                retain,
            )
        ]
