"""`simnpo finetune`: how Original and Retrain are made."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from simnpo.cli.lora_options import LoraOptions
from simnpo.cli.options import (
    BenchmarkOptions,
    ColumnOptions,
    OutputOptions,
    Revision,
    TrainingOptions,
    Unset,
)
from simnpo.cli.prompt_options import PromptOptions
from simnpo.errors import UserError
from simnpo.system.distributed import is_main
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark
    from simnpo.config import TrainingConfig
    from simnpo.data.examples import Example
    from simnpo.experiments.jobs import Job


@dataclass(frozen=True)
class Finetune:
    """Fine-tune a model on questions with answers, or on plain text.

    Example: simnpo finetune --model base --benchmark tofu --split forget05 --part retain --out out
    """

    model: str
    """Model to start from: a folder, a run of simnpo, or a hub id of any causal LM."""
    output: OutputOptions
    revision: Revision = None
    data: tuple[str, ...] = ()
    """Training data: .jsonl, .json, .csv, .tsv or .txt (also .gz), .parquet, a folder of .txt files
    or of datasets.save_to_disk (folder:split), or a hub dataset (name:config:split)."""
    part: Unset[Literal["full", "retain"]] = None
    """Of a --benchmark: full (forget and retain set) makes Original, retain makes Retrain."""
    report_to: str = "none"
    """transformers' logging integrations, by comma: tensorboard, wandb, trackio."""
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def run(self) -> None:
        """Fine-tune, and say where the model is."""
        from dataclasses import replace

        from simnpo.cli.training_job import TrainingJob
        from simnpo.experiments.jobs import Job
        from simnpo.methods.nll import RETRAIN
        from simnpo.training.run import TrainingData

        benchmark = self._benchmark()
        job = Job(
            command="finetune",
            model=self.model,
            method=replace(RETRAIN, title="Fine-tuning"),
            data=TrainingData(
                retain=self._examples(benchmark),
                template=self.prompt.settings,
                max_length=self.prompt.limit(benchmark),
            ),
            training=self.training.apply_to(self._preset()),
            lora=self.lora.config(),
            trust_remote_code=self.prompt.trust_remote_code,
        )
        guarded = TrainingJob(job, self.output, self.report_to, self.data)
        if guarded.check():
            if is_main():
                write(_announcement(job))
            guarded.run()

    def _preset(self) -> "TrainingConfig":
        """Return what options change: a benchmark's settings, or the general ones."""
        from dataclasses import replace

        from simnpo.benchmarks.presets import finetuning_preset
        from simnpo.models.precision import own_data_precision
        from simnpo.planning.shape import read_shape

        preset = finetuning_preset(self.benchmark.benchmark)
        if self.benchmark.benchmark:
            return preset
        parameters = read_shape(self.model, self.prompt.trust_remote_code).parameters
        return replace(preset, precision=own_data_precision(parameters))

    def _benchmark(self) -> "Benchmark | None":
        if not self.benchmark.benchmark:
            if not self.data:
                raise UserError(
                    "give ``data=FILE``, or ``benchmark`` with ``part=full`` or retain."
                )
            if self.part or self.benchmark.split or self.benchmark.data_dir:
                raise UserError("``part``, ``split`` and ``data_dir`` need a ``benchmark``.")
            return None
        if self.data:
            raise UserError("``benchmark`` brings its own data; leave out ``data``.")
        if not self.part:
            raise UserError("say which part of the benchmark: ``part=full``, or ``part=retain``.")
        return self.benchmark.load("training")

    def _examples(self, benchmark: "Benchmark | None") -> "tuple[Example, ...]":
        from simnpo.data.examples import load_examples

        if benchmark is None:
            columns = asdict(self.columns)
            return tuple(one for source in self.data for one in load_examples(source, **columns))
        kept = self.benchmark.kept(benchmark)
        return kept if self.part == "retain" else (*benchmark.forget, *kept)


def _announcement(job: "Job") -> str:
    from simnpo.report.numbers import counted

    training, rows = job.training, counted(len(job.data.retain), "row")
    length = f"{training.steps} steps" if training.epochs is None else f"{training.epochs:g} epochs"
    return (
        f"Fine-tuning {job.model} on {rows}: {length} in batches of {training.batch_size}, "
        f"learning rate {training.learning_rate:.3g}."
    )
