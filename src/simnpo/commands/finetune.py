"""`simnpo finetune`: how Original and Retrain are made."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

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
    from simnpo.data.examples import Example


@dataclass(frozen=True)
class Finetune:
    """Fine-tune a model on questions with answers, or on plain text.

    Example: simnpo finetune --model base --benchmark tofu --split forget05 --part retain --out out
    """

    model: str
    """Model to start from: a folder, a run of simnpo, or a hub id of any causal LM."""
    output: OutputOptions
    data: Unset[str] = None
    """Training data: .jsonl, .json, .parquet or a hub dataset (name:config:split)."""
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

        from simnpo.commands.training_job import TrainingJob
        from simnpo.objectives import METHODS
        from simnpo.presets import finetuning_preset
        from simnpo.training.run import TrainingData

        data = TrainingData(
            retain=self._examples(),
            template=self.prompt.template,
            max_length=self.prompt.max_length,
        )
        TrainingJob(
            command="finetune",
            model=self.model,
            method=replace(METHODS["retrain"], title="Fine-tuning"),
            data=data,
            training=self.training.over(finetuning_preset(self.benchmark.benchmark)),
            lora=self.lora,
            prompt=self.prompt,
            output=self.output,
            report_to=self.report_to,
            inputs=(self.data,),
        ).run()

    def _examples(self) -> "tuple[Example, ...]":
        from simnpo.data.examples import load_examples

        if not self.benchmark.benchmark:
            if not self.data:
                raise UserError("give --data FILE, or --benchmark with --part full or retain.")
            if self.part or self.benchmark.split or self.benchmark.data_dir:
                raise UserError("--part, --split and --data-dir need a --benchmark.")
            return load_examples(self.data, **asdict(self.columns))
        if self.data:
            raise UserError("--benchmark brings its own data; leave out --data.")
        if not self.part:
            raise UserError("say which part of the benchmark: --part full, or --part retain.")
        loaded = self.benchmark.load("training")
        return loaded.retain if self.part == "retain" else (*loaded.forget, *loaded.retain)
