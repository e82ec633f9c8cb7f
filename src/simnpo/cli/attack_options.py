"""What the attacks share: their options, their output folder, how they end."""

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simnpo.cli.options import (
    BenchmarkOptions,
    OutputOptions,
    Unset,
    check_output,
    check_retain_scores,
)
from simnpo.cli.own_sets import OwnSetOptions, warn_of_lengths
from simnpo.cli.prompt_options import PromptOptions, note_other_prompts
from simnpo.errors import UserError
from simnpo.system.terminal import write

if TYPE_CHECKING:
    import pandas as pd

    from simnpo.benchmarks.base import Benchmark
    from simnpo.config import Precision
    from simnpo.evaluation.tables import Tables
    from simnpo.experiments.attacks.report import Attacked
    from simnpo.experiments.attacks.targets import Target

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
    max_items: Unset[int] = None
    """With --forget: rows of each set that are measured at most, evenly spaced [200]."""
    own: OwnSetOptions = field(default_factory=OwnSetOptions)
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def measured_on(self) -> "Benchmark":
        """Return what is measured, without generation where only scores are wanted.

        Raises:
            UserError: see `OwnSetOptions`, `BenchmarkOptions.load` and `check_retain_scores`.
        """
        named = self.benchmark.benchmark
        self.own.check_alone(f"--benchmark {named}" if named else None)
        if self.max_items is not None and not (self.own.forget and self.max_items > 0):
            raise UserError(f"--max-items {self.max_items}: at least 1, and with --forget alone.")
        benchmark = self._own_benchmark() if self.own.forget else self.benchmark.load()
        check_retain_scores(benchmark, self.retain_scores)
        if not self.scores_only:
            return benchmark
        evaluation = {
            name: replace(asked, max_new_tokens=0) for name, asked in benchmark.evaluation.items()
        }
        return replace(benchmark, evaluation=evaluation)

    def _own_benchmark(self) -> "Benchmark":
        """Return your own sets as the first model's tokenizer, template and run have them."""
        from simnpo.benchmarks.own import FORGET, own_benchmark
        from simnpo.data.encoding import Encoder
        from simnpo.data.examples import Example
        from simnpo.experiments.own_run import MOST_ROWS
        from simnpo.models import load_tokenizer

        if not self.model:
            raise UserError("--model: name at least one model.")
        first, prompt = self.model[0], self.prompts
        sets = self.own.read_like_run(first)
        tokenizer = load_tokenizer(first, prompt.trust_remote_code)
        encoder = Encoder(tokenizer, prompt.settings, prompt.limit())
        warn_of_lengths(sets, encoder)
        benchmark = own_benchmark(sets, encoder, self.max_items or MOST_ROWS)
        if benchmark.forget[0].question is not None:
            return benchmark
        # A share of one long text is a share of its passages.
        passages = own_benchmark(sets, encoder).evaluation[FORGET].items
        return replace(benchmark, forget=tuple(Example(None, one.answer) for one in passages))

    @property
    def prompts(self) -> PromptOptions:
        """How a question becomes a prompt: on own data as in the first model's run."""
        return self.prompt.like_run(self.model[0]) if self.own.forget else self.prompt

    @property
    def named(self) -> str:
        """What a page calls the data."""
        return "Data" if self.own.forget else "Benchmark"

    @property
    def measured(self) -> str:
        """The subject of a sentence on what is measured, with its verb."""
        return "Your sets are" if self.own.forget else "The benchmark is"

    def targets(self, precision: "Precision", benchmark: "Benchmark") -> "list[Target]":
        """Return the models to attack, Retrain last."""
        from simnpo.experiments.attacks.targets import targets

        prompt = self.prompts
        options = (prompt.settings, prompt.limit(benchmark), prompt.trust_remote_code)
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
        from simnpo.evaluation.evaluate import evaluation_hashes
        from simnpo.evaluation.evaluation import read_scores, score_files
        from simnpo.models import resolve
        from simnpo.storage import runs

        out, names = self.output.out, (runs.RUN, *files, RUNS)
        config |= {
            "models": list(self.model),
            "retrain": self.retrain,
            "retain_scores": self.retain_scores,
            "scores_only": self.scores_only,
            "benchmark": benchmark.name,
            "split": benchmark.split,
            **self.prompts.settings.record(),
            "max_length": self.prompts.limit(benchmark),
            "trust_remote_code": self.prompts.trust_remote_code,
        }
        data = {"forget_hash": runs.fingerprint(benchmark.forget)} | {
            f"evaluation_{name}_hash": value for name, value in evaluation_hashes(benchmark).items()
        }

        def read() -> list[str]:
            models = [target.model for target in targets]
            scores = score_files(Path(self.retain_scores)) if self.retain_scores else ()
            records = [Path(model) / runs.RUN for model in models]
            own = [one for one in self.own.own_files if one]
            return [*models, *map(resolve, models), *map(str, [*records, *scores]), *own]

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
            encoder = target.encoder(tokenizer)
            encoder.encode_all(benchmark.forget)
            note_other_prompts(target.model, encoder, benchmark)
        if self.retain_scores:
            read_scores(Path(self.retain_scores))
        runs.clear(out, names)
        runs.begin(out, command, config, data)
        return True

    def retain_tables(self, targets: "list[Target]", benchmark: "Benchmark") -> "Tables | None":
        """Return the tables that forget quality compares with: those given, else Retrain's own."""
        from simnpo.evaluation.evaluation import read_scores
        from simnpo.experiments.attacks.targets import own_tables

        if self.retain_scores:
            return read_scores(Path(self.retain_scores))
        if not self.retrain:
            return None
        return own_tables(targets[-1], benchmark, self.output.out / RUNS)

    def finish(
        self, attacked: "Attacked", table: "pd.DataFrame", name: str, started: float
    ) -> None:
        """Write the results, print them, and say where they are."""
        from simnpo.experiments.attacks.report import print_outcomes, write_attack
        from simnpo.report.rendering import REPORT
        from simnpo.storage import runs
        from simnpo.storage.files import read_json

        out, seconds = self.output.out, round(time.monotonic() - started, 1)
        record = {"config": read_json(out / runs.RUN)["config"], "seconds": seconds}
        command = "simnpo " + " ".join(sys.argv[1:])
        found = write_attack(attacked, table, out / name, record, command)
        runs.finish(out, {"seconds": seconds})
        print_outcomes(attacked, found)
        write(f"Report: {out / REPORT} ({seconds:.0f} s)")
