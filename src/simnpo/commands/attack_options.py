"""What the attacks share: their options, their output folder, how they end."""

import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simnpo.commands.options import (
    BenchmarkOptions,
    OutputOptions,
    PromptOptions,
    Unset,
    check_output,
    check_retain_scores,
)

if TYPE_CHECKING:
    import pandas as pd

    from simnpo.attacks.report import Attacked
    from simnpo.attacks.targets import Target
    from simnpo.benchmarks.base import Benchmark
    from simnpo.config import Precision
    from simnpo.scoring.tables import Tables

RUNS = "runs"
"""Folder of the single runs' results within --out."""


@dataclass(frozen=True)
class AttackOptions:
    """What every attack is told."""

    model: tuple[str, ...]
    """Unlearned models to attack: folders, runs of simnpo, or hub ids."""
    output: OutputOptions
    retrain: Unset[str] = None
    """Retrain, which is put under the same attack: what it learns of it is not what came back. It
    also gives the retain scores, where no --retain-scores are given."""
    retain_scores: Unset[str] = None
    """Evaluation of a retain model or an official TOFU log, for forget quality [Retrain's]."""
    scores_only: bool = False
    """Generate no answers, which takes most of an evaluation's time; metrics that need them are
    missing."""
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def measured_on(self) -> "Benchmark":
        """Return the benchmark, without generation where only scores are wanted.

        Raises:
            UserError: see `BenchmarkOptions.load` and `check_retain_scores`.
        """
        benchmark = self.benchmark.load()
        check_retain_scores(benchmark, self.retain_scores)
        if not self.scores_only:
            return benchmark
        evaluation = {
            name: replace(asked, max_new_tokens=0) for name, asked in benchmark.evaluation.items()
        }
        return replace(benchmark, evaluation=evaluation)

    def targets(self, precision: "Precision", benchmark: "Benchmark") -> "list[Target]":
        """Return the models to attack, Retrain last."""
        from simnpo.attacks.targets import targets

        prompt = self.prompt
        options = (prompt.template, prompt.limit(benchmark), prompt.trust_remote_code)
        return targets(self.model, self.retrain, precision, *options)

    def begin(
        self,
        command: str,
        config: dict[str, Any],
        files: tuple[str, ...],
        targets: "list[Target]",
        benchmark: "Benchmark",
    ) -> bool:
        """Make room in --out and record the attack; return whether there is anything to do.

        Raises:
            UserError: see `check_output`; or a model cannot be loaded or not take the forget set,
                or there are no such retain scores.
        """
        from simnpo import runs
        from simnpo.models import resolve
        from simnpo.scoring.evaluate import evaluation_hashes
        from simnpo.scoring.evaluation import read_scores, score_files

        out, names = self.output.out, (runs.RUN, *files, RUNS)
        config |= {
            "models": list(self.model),
            "retrain": self.retrain,
            "retain_scores": self.retain_scores,
            "scores_only": self.scores_only,
            "benchmark": benchmark.name,
            "split": benchmark.split,
            **asdict(self.prompt),
            "max_length": self.prompt.limit(benchmark),
        }
        data = {"forget_hash": runs.fingerprint(benchmark.forget)} | {
            f"evaluation_{name}_hash": value for name, value in evaluation_hashes(benchmark).items()
        }

        def read() -> list[str]:
            models = [target.model for target in targets]
            scores = score_files(Path(self.retain_scores)) if self.retain_scores else ()
            records = [Path(model) / runs.RUN for model in models]
            return [*map(resolve, models), *map(str, records), *map(str, scores)]

        left = check_output(
            self.output,
            names,
            lambda: runs.check_resumable(out, command, config, data),
            read,
        )
        if self.output.resume:
            return left
        for target in targets:  # nothing is begun or removed before all could be read
            _, tokenizer = target.load()
            target.encoder(tokenizer).encode_all(benchmark.forget)
        if self.retain_scores:
            read_scores(Path(self.retain_scores))
        runs.clear(out, names)
        runs.begin(out, command, config, data)
        return True

    def retain_tables(self, targets: "list[Target]", benchmark: "Benchmark") -> "Tables | None":
        """Return the tables that forget quality compares with: those given, else Retrain's own."""
        from simnpo.attacks.targets import own_tables
        from simnpo.scoring.evaluation import read_scores

        if self.retain_scores:
            return read_scores(Path(self.retain_scores))
        if not self.retrain:
            return None
        return own_tables(targets[-1], benchmark, self.output.out / RUNS)

    def finish(
        self, attacked: "Attacked", table: "pd.DataFrame", name: str, started: float
    ) -> None:
        """Write the results, print them, and say where they are."""
        from simnpo import runs
        from simnpo.attacks.report import print_outcomes, write_attack
        from simnpo.files import read_json
        from simnpo.report.rendering import REPORT

        out, seconds = self.output.out, round(time.monotonic() - started, 1)
        record = {"config": read_json(out / runs.RUN)["config"], "seconds": seconds}
        command = "simnpo " + " ".join(sys.argv[1:])
        found = write_attack(attacked, table, out / name, record, command)
        runs.finish(out, {"seconds": seconds})
        print_outcomes(attacked, found)
        print(f"Report: {out / REPORT} ({seconds:.0f} s)")
