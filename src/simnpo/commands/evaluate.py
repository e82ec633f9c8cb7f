"""`simnpo evaluate`: every metric of a benchmark, for one model."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from simnpo.commands.options import BenchmarkOptions, OutputOptions, PromptOptions, Unset
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
    retain_scores: Unset[str] = None
    """A retain model's evaluation (its folder) or an official TOFU eval_log_aggregated.json, for
    forget quality and PrivLeak; without it forget quality is missing."""
    reference_scores: Unset[str] = None
    """Evaluation of the model that the reference attack compares with [that of --retain-scores]."""
    aggregation: Literal["geometric", "arithmetic"] = "geometric"
    """How truth ratios combine the wrong answers."""
    max_items: Unset[int] = None
    """Items of each set at most; 300 is the official TOFU cut."""
    name: Unset[str] = None
    """Name in tables and reports [the method, else the model's folder]."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """fp32, bf16, or auto: bf16 on a GPU, else fp32."""
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def run(self) -> None:
        """Evaluate, print the table, and say where the results are."""
        from simnpo.commands.results import check_evaluation, show
        from simnpo.data.encoding import Encoder
        from simnpo.distributed import is_main
        from simnpo.models import load_model, load_tokenizer, quiet, resolve
        from simnpo.scoring.evaluate import evaluate_into
        from simnpo.scoring.evaluation import read_scores, score_files
        from simnpo.scoring.summary import name_of, run_of

        quiet()
        benchmark = self._benchmark()
        origin: dict[str, Any] = {
            "retain_scores": self.retain_scores,
            "reference_scores": self.reference_scores,
            "max_items": self.max_items,
        }
        wanted = origin | {
            "model": self.model,
            "benchmark": benchmark.name,
            "split": benchmark.split,
        }
        if benchmark.suite == "tofu":
            wanted |= {"truth_ratio_aggregation": self.aggregation}
        given = [Path(one) if one else None for one in (self.retain_scores, self.reference_scores)]
        files = [path for one in given for path in score_files(one)]
        if not check_evaluation(self.output, wanted, resolve(self.model), *files):
            return
        retain, reference = (read_scores(one) if one else None for one in given)
        tokenizer = load_tokenizer(self.model, self.prompt.trust_remote_code)
        evaluate_into(
            self.output.out,
            load_model(self.model, self.precision, self.prompt.trust_remote_code),
            Encoder(tokenizer, self.prompt.template, self.prompt.limit(benchmark)),
            benchmark,
            retain,
            name=self.name or name_of(self.model, run_of(self.model)),
            model_name=self.model,
            aggregation=self.aggregation,
            reference=reference,
            **origin,
        )
        if is_main():
            show(self.output.out)

    def _benchmark(self) -> "Benchmark":
        benchmark = self.benchmark.load()
        if self.max_items is None:
            return benchmark
        if self.max_items < 1:
            raise UserError(f"--max-items {self.max_items}: must be at least 1.")
        cut = {
            name: replace(asked, items=asked.items[: self.max_items])
            for name, asked in benchmark.evaluation.items()
        }
        return replace(benchmark, evaluation=cut)
