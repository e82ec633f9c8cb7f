"""What the attacks share: their options, their output folder, how they end."""

import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from simnpo.cli.options import (
    BenchmarkOptions,
    MaxItems,
    OutputOptions,
    TrainingOptions,
    Unset,
    check_output,
    check_retain_scores,
)
from simnpo.cli.own_sets import OwnSetOptions, held_out_by
from simnpo.cli.prompt_options import PromptOptions, note_other_prompts
from simnpo.config import LoraConfig, check_offload, check_range
from simnpo.errors import UserError
from simnpo.experiments.attacks import ATTACKS
from simnpo.system.command_words import command_text
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simnpo.experiments.attacks.base import Attack
    from simnpo.experiments.attacks.setup import AttackSetup
    from simnpo.experiments.external_model import ExternalModel
    from simnpo.experiments.own_setup import OwnSetup

RUNS = "runs"
"""Folder of the single runs' results within --out."""


@dataclass(frozen=True)
class AttackOptions:
    """What every attack takes."""

    model: tuple[str, ...]
    """Unlearned models to attack: folders, runs of simnpo, or hub ids."""
    output: OutputOptions
    retrain: Unset[str] = None
    """Retrain, put under the same attack: what it learns comes from the attack, not from memory. It
    also gives the retain scores, where no --retain-scores are given."""
    retain_scores: Unset[str] = None
    """Evaluation of a retain model or an official TOFU log, for forget quality [Retrain's]."""
    scores_only: bool = False
    """Generate no answers, which takes most of an evaluation's time; metrics that need them are
    missing."""
    max_items: MaxItems = None
    workers: Unset[int] = None
    """Runs at a time [one for each GPU, else for each core, as far as memory holds them]."""
    own: OwnSetOptions = field(default_factory=OwnSetOptions)
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)
    attack: ClassVar[str]
    """Name of the attack."""

    def run(self) -> None:
        """Attack, print the tables, and say where the report is."""
        from simnpo.experiments.attacks.report import print_outcomes, write_attack
        from simnpo.experiments.attacks.results import curve_of, execute
        from simnpo.experiments.attacks.targets import targets
        from simnpo.models import quiet
        from simnpo.report.rendering import REPORT
        from simnpo.storage import runs
        from simnpo.storage.files import read_json

        started = time.monotonic()
        quiet()
        setup = self._setup()
        attack = self._attack(setup)
        setup = replace(setup, measured_in=attack.precision)
        models = targets(self.model, self.retrain, self.retain_scores, setup)
        if not self._begin(attack, setup, models):
            return
        out, home = self.output.out, self.output.out / RUNS
        execute(attack, models, home, self.workers)
        curve = curve_of(attack, models, home)
        attacked = attack.report(setup, curve)
        seconds = round(time.monotonic() - started, 1)
        record = {"config": read_json(out / runs.RUN)["config"], "seconds": seconds}
        command = command_text()
        found = write_attack(attacked, attack.table(curve), out / self._table, record, command)
        runs.finish(out, {"seconds": seconds})
        print_outcomes(attacked, found)
        write(f"Report: {out / REPORT} ({seconds:.0f} s)")

    @property
    def _table(self) -> str:
        return f"{self.attack}.parquet"

    @property
    def _prompts(self) -> PromptOptions:
        """How a question becomes a prompt: on own data as in the first model's run."""
        return self.prompt.like_run(self.model[0]) if self.own.forget else self.prompt

    def _setup(self) -> "AttackSetup":
        """Return what is measured, without generation where only scores are wanted.

        Raises:
            UserError: see `OwnSetOptions`, `BenchmarkOptions.load` and `check_retain_scores`.
        """
        from simnpo.experiments.attacks.setup import AttackSetup

        self.own.check_alone(self.benchmark.benchmark)
        self.own.check_max_items(self.max_items)
        check_range(1, workers=self.workers)
        if not self.model:
            raise UserError("``model``: name at least one model.")
        own = self._own() if self.own.forget else None
        loaded, prompts = own or self.benchmark.load(), self._prompts
        setup = AttackSetup(
            "own data" if own else loaded.name,
            loaded.split,
            self.benchmark.data_dir,
            template=prompts.settings,
            trust_remote_code=prompts.trust_remote_code,
            own=own,
            scores_only=self.scores_only,
            max_length=prompts.max_length,
        )
        check_retain_scores(setup.load(), self.retain_scores)
        return setup

    def _own(self) -> "OwnSetup":
        """Return your own sets as the first model's tokenizer, template and run have them."""
        first = self.model[0]
        return self.own.setup(first, self._prompts, held_out_by(first), self.max_items)

    def _attack(self, setup: "AttackSetup") -> "Attack":
        """Return the attack with its settings, checked.

        Raises:
            UserError: a setting is out of its range, or nothing here can serve it.
        """
        kind = ATTACKS[self.attack]
        own = {one.name: getattr(self, one.name) for one in fields(kind)}
        if isinstance(given := own.get("training"), TrainingOptions):
            from simnpo.models import training_precision
            from simnpo.planning.hardware import check_hardware

            training = given.apply_to(kind.preset(setup))
            check_hardware(training, LoraConfig())
            check_offload(training, LoraConfig(), needs_original_model=False)
            precision = training_precision(training.precision, lora=False)
            own["training"] = replace(training, precision=precision)
        attack = kind(**own)
        attack.check()
        return attack

    def _begin(
        self, attack: "Attack", setup: "AttackSetup", models: "Sequence[ExternalModel]"
    ) -> bool:
        """Make room in --out and record the attack; return whether there is anything to do.

        Raises:
            UserError: see `check_output`; see `ExternalModel.check`,
                or there are no such retain scores.
        """
        from simnpo.evaluation.evaluate import evaluation_hashes
        from simnpo.evaluation.evaluation import read_scores, score_files
        from simnpo.experiments.attacks.report import files
        from simnpo.models import resolve
        from simnpo.storage import runs

        out, names = self.output.out, (runs.RUN, *files(self._table), RUNS)
        benchmark, prompts = setup.load(), self._prompts
        config = {
            **attack.config(),
            "models": list(self.model),
            "retrain": self.retrain,
            "retain_scores": self.retain_scores,
            "scores_only": self.scores_only,
            "benchmark": benchmark.name,
            "split": benchmark.split,
            **prompts.settings.record(),
            "max_length": benchmark.max_length,
            "trust_remote_code": prompts.trust_remote_code,
        }
        data = {"forget_hash": runs.fingerprint(benchmark.forget)} | {
            f"evaluation_{name}_hash": value for name, value in evaluation_hashes(benchmark).items()
        }
        command = f"attack {self.attack}"

        def read() -> list[str]:
            given = [one.model for one in models]
            scores = score_files(Path(self.retain_scores)) if self.retain_scores else ()
            records = [Path(model) / runs.RUN for model in given]
            own = [one for one in self.own.own_files if one]
            return [*given, *map(resolve, given), *map(str, [*records, *scores]), *own]

        left = check_output(
            self.output, names, lambda: runs.check_resumable(out, command, config, data), read
        )
        if self.output.resume:
            return left
        for one in models:  # before anything is begun or removed
            note_other_prompts(one.model, one.check(), benchmark)
        if self.retain_scores:
            read_scores(Path(self.retain_scores))
        runs.clear(out, names)
        runs.begin(out, command, config, data)
        return True
