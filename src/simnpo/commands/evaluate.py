"""`simnpo evaluate`: every metric of a benchmark, for one model."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from simnpo.commands.options import BenchmarkOptions, OutputOptions, PromptOptions
from simnpo.config import Precision
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark


@dataclass(frozen=True)
class Evaluate:
    """Measure what a model has forgotten and what it has kept.

    Example: simnpo evaluate --model out --benchmark tofu --split forget05 --out out/evaluation
    """

    model: str
    """Model to evaluate: a folder, a run of simnpo, or a hub id of any causal LM."""
    output: OutputOptions
    retain_scores: str | None = None
    """A retain model's evaluation (its folder) or an official TOFU eval_log_aggregated.json, for
    forget quality; without it forget quality is missing."""
    aggregation: Literal["geometric", "arithmetic"] = "geometric"
    """How truth ratios combine the wrong answers."""
    max_items: int | None = None
    """Items of each set at most; 300 is the official TOFU cut."""
    name: str | None = None
    """Name in tables and reports [the method, else the model's folder]."""
    precision: Precision = "auto"
    """fp32, bf16, or auto: bf16 on a GPU, else fp32."""
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def run(self) -> None:
        """Evaluate, print the table, and say where the results are."""
        from simnpo.commands.results import claim_evaluation, show
        from simnpo.data.encoding import Encoder
        from simnpo.models import load_model, load_tokenizer, quiet
        from simnpo.scoring.evaluate import evaluate_model
        from simnpo.scoring.evaluation import read_scores, write_evaluation
        from simnpo.scoring.summary import run_of, summarise

        quiet()
        benchmark = self._benchmark()
        retain = read_scores(Path(self.retain_scores)) if self.retain_scores else None
        if not claim_evaluation(self.output):
            return
        started = time.monotonic()
        tokenizer = load_tokenizer(self.model, self.prompt.trust_remote_code)
        encoder = Encoder(tokenizer, self.prompt.template, self.prompt.max_length)
        model = load_model(self.model, self.precision, self.prompt.trust_remote_code)
        tables = evaluate_model(model, encoder, benchmark)
        run: dict[str, Any] = run_of(self.model)
        summary = summarise(
            tables,
            retain,
            self.aggregation,
            name=self.name or (run["run"] or {}).get("method") or Path(self.model).name,
            benchmark=benchmark.name,
            split=benchmark.split,
            model=self.model,
            template=encoder.template.name,
            retain_scores=self.retain_scores,
            max_items=self.max_items,
            max_new_tokens=benchmark.max_new_tokens,
            seconds=round(time.monotonic() - started, 2),
            **run,
        )
        write_evaluation(self.output.out, summary, tables)
        show(self.output.out)

    def _benchmark(self) -> "Benchmark":
        benchmark = self.benchmark.load()
        if self.max_items is None:
            return benchmark
        if self.max_items < 1:
            raise UserError(f"--max-items {self.max_items}: must be at least 1.")
        cut = {name: items[: self.max_items] for name, items in benchmark.evaluation.items()}
        return replace(benchmark, evaluation=cut)
