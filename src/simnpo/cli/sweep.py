"""`simnpo sweep`: a method's settings tried out, and which of them nothing else beats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from simnpo.cli.engine_options import EngineOptions
from simnpo.cli.lora_options import LoraOptions
from simnpo.cli.options import (
    BenchmarkOptions,
    MaxItems,
    MethodName,
    Revision,
    Unset,
    as_words,
    check_retain_scores,
    option_words,
)
from simnpo.cli.own_sets import OwnSetOptions
from simnpo.cli.prompt_options import PromptOptions
from simnpo.config import TrainingConfig, check_range
from simnpo.errors import UserError
from simnpo.system.command_words import command_text
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.config import LoraConfig
    from simnpo.experiments.benchmark_setup import BenchmarkSetup
    from simnpo.experiments.own_setup import OwnSetup
    from simnpo.experiments.run import Run
    from simnpo.experiments.sweep.outcome import Outcome
    from simnpo.experiments.sweep.runs import Trials
    from simnpo.experiments.sweep.settings import Setting

MOST_SEEDS = 100
RUNS = "runs"
"""Folder of all runs within --out."""


@dataclass(frozen=True)
class Sweep:
    """Try a method's settings on a benchmark, and show what each forgets and keeps.

    Runs are kept in --out by their content: an interrupted sweep goes on when the same command is
    given again, and a larger one takes over what a smaller one has done.

    Example: simnpo sweep --benchmark mini-tofu --over beta=1.5,2.5,4.5 gamma=0,1 --out sweep
    """

    out: Path
    """Folder for the runs and the report; what is finished in it is kept."""
    revision: Revision = None
    over: tuple[str, ...] = ()
    """Settings with their values, as in beta=1.5,2.5,4.5 forget_weight=0.1,1 learning_rate=1e-5
    [with --forget: half, once and twice the default learning rate]."""
    method: MethodName = "simnpo"
    search: Literal["grid", "random", "optuna"] = "grid"
    """grid: every combination; random: --trials of them, drawn; optuna: --trials of them, each
    chosen by what those before have shown (needs simnpo[sweep])."""
    trials: Unset[int] = None
    """Settings to try, with --search random or optuna."""
    model: Unset[str] = None
    """Model to unlearn from: a folder, a run of simnpo, or a hub id [an embedded benchmark's own
    Original of each seed]."""
    retain_scores: Unset[str] = None
    """With --model: evaluation of a retain model or an official TOFU log, for forget quality."""
    seeds: int = 1
    """How many seeds each setting has, from --seed on."""
    seed: int = TrainingConfig.seed
    """First seed of every random choice."""
    max_items: MaxItems = None
    engine: EngineOptions = field(default_factory=EngineOptions)
    own: OwnSetOptions = field(default_factory=OwnSetOptions)
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)

    def run(self) -> None:
        """Try the settings, print their table, and say where the report is."""
        from simnpo.experiments.key import accepting
        from simnpo.experiments.sweep.finding import CSV
        from simnpo.experiments.sweep.report import FILES, print_sweep, write_sweep
        from simnpo.models import quiet
        from simnpo.storage.runs import check_room

        quiet()
        self._check()
        if not self.engine.explain_cache:
            check_room(self.out, FILES)
        with accepting():
            trials = self._trials()
            values = self._values(trials)
            if self.engine.explain_cache:
                self.engine.describe(trials.of(self._settings(values)), self.out / RUNS)
                return
            outcome = self._search(trials, values)
            note = self.engine.note(trials.of(outcome.settings))
            for run, why in outcome.failed.items():
                write(f"{run.title}: {why}", to_stderr=True)
            page = write_sweep(outcome, self.out, command_text(), note)
            print_sweep(outcome)
        if note:
            write(note)
        if self.own.forget and outcome.pick is not None:
            write(f"Run it with:\n  {self._command(outcome.settings[outcome.pick])}")
        write(f"Numbers: {self.out / CSV}\nReport: {page}")

    def _check(self) -> None:
        check_range(1, MOST_SEEDS, seeds=self.seeds)
        check_range(0, 2**32 - MOST_SEEDS - 1, seed=self.seed)
        check_range(1, workers=self.engine.workers)
        self.own.check_max_items(self.max_items)
        if self.search == "grid" and self.trials is not None:
            raise UserError("``search`` grid tries every combination; leave out ``trials``.")
        if self.search != "grid" and (self.trials is None or self.trials < 1):
            raise UserError(f"``search`` {self.search}: say how many settings, with ``trials``.")
        if self.search == "optuna" and self.engine.explain_cache:
            raise UserError("``explain_cache``: what ``search=optuna`` tries follows from results.")
        if self.method == "retrain":
            raise UserError("retrain forgets nothing, so there is nothing to weigh; name another.")

    def _command(self, setting: "Setting") -> str:
        """Return the command that unlearns with a setting."""
        import shlex

        from simnpo.cli.method_options import MethodOptions
        from simnpo.experiments.sweep.settings import TRAINING

        words = ["simnpo", "unlearn", "--model", str(self.model), "--method", self.method]
        words += [*as_words(self.own), *as_words(self.prompt), *as_words(self.lora)]
        for name, value in setting:
            # Not shortened: another digit is another run.
            text = f"{value:g}" if float(f"{value:g}") == value else repr(value)
            has_option = name in TRAINING or name in {one.name for one in fields(MethodOptions)}
            words += option_words(name, text) if has_option else ["--setting", f"{name}={text}"]
        usual = {"retain_scores": None, "max_items": None, "seed": TrainingConfig.seed}
        for name, default in usual.items():
            if (given := getattr(self, name)) != default:
                words += option_words(name, given)
        return shlex.join([*words, "--out", "unlearned"])

    def _own_site(self) -> "OwnSetup":
        """Return your own sets as something to try settings on.

        Raises:
            UserError: no model to unlearn from, or see `OwnFiles.read`.
        """
        from simnpo.evaluation.evaluation import read_scores
        from simnpo.evaluation.metrics.own_comparisons import check_retrain
        from simnpo.evaluation.score import rows_to_score
        from simnpo.models import resolve

        if self.model is None:
            raise UserError("``forget``: give the model to unlearn from, with ``model``.")
        resolve(self.model)
        site = self.own.setup(self.model, self.prompt, self.seed, self.max_items)
        benchmark = site.load()
        if self.retain_scores is not None:
            retain = read_scores(Path(self.retain_scores))
            check_retrain(rows_to_score(benchmark.evaluation), retain)
        return site

    def _trials(self) -> "Trials":
        """Return what settings are tried on.

        Raises:
            UserError: there is no such benchmark, or no model to unlearn from.
        """
        from simnpo.benchmarks import BENCHMARKS
        from simnpo.experiments.benchmark_setup import BenchmarkSetup
        from simnpo.experiments.sweep.runs import Trials
        from simnpo.models import resolve

        self.own.check_alone(self.benchmark.benchmark)
        seeds = tuple(range(self.seed, self.seed + self.seeds))
        if self.own.forget:
            own = self._own_site()
            return Trials(
                own, self.method, seeds, self.model, self.retain_scores, self._adapters(own)
            )
        if self.prompt != PromptOptions():
            raise UserError(
                "``template``, ``max_length``, ``trust_remote_code`` and what a chat template is "
                "given go with ``forget``."
            )
        loaded = self.benchmark.load()  # says what is wrong with it
        self.benchmark.kept(loaded)
        name, split = loaded.name, self.benchmark.split or BENCHMARKS[loaded.name].split
        site = BenchmarkSetup(name, split, self.benchmark.data_dir)
        check_retain_scores(loaded, self.retain_scores)
        if self.model is not None:
            resolve(self.model)
        elif not site.is_mini:
            raise UserError(f"{name} brings no models: give what to unlearn from, with ``model``.")
        elif self.retain_scores is not None:
            raise UserError(
                "``retain_scores`` does nothing without ``model``: an embedded benchmark has "
                "its own."
            )
        lora = self._adapters(site)
        return Trials(site, self.method, seeds, self.model, self.retain_scores, lora)

    def _adapters(self, site: "BenchmarkSetup") -> "LoraConfig":
        """Return which adapters each run trains.

        Raises:
            UserError: see `LoraOptions.config`; or the base is to be held in 4 bits.
        """
        if self.lora.load_in_4bit:
            raise UserError(
                "``load_in_4bit``: a sweep measures its models with their adapters merged, which 4 "
                "bits do not allow; leave it out."
            )
        adapted = self.lora.lora_rank > 0
        return self.lora.config(site.preset(self.method, adapted, self.lora.reads(None)))

    def _values(self, trials: "Trials") -> "dict[str, tuple[float, ...]]":
        """Return what each setting may be.

        Raises:
            UserError: a setting that the method does not have or allow.
        """
        from simnpo.experiments.sweep.settings import grid, read_values

        preset = trials.preset()
        over = self.over
        if not over and self.own.forget:
            rate = preset.training.learning_rate
            over = (f"learning_rate={rate / 2:g},{rate:g},{2 * rate:g}",)
        values = read_values(over, preset.method)
        for setting in grid(values):
            trials.unlearned(setting, self.seed).check()  # what is wrong is reported now
        return values

    def _settings(self, values: "Mapping[str, Sequence[float]]") -> "Sequence[Setting]":
        """Return the settings to try, unless they follow from results."""
        from simnpo.experiments.sweep.settings import drawn, grid

        if self.search == "grid":
            return grid(values)
        assert self.trials is not None
        return drawn(values, self.trials, self.seed)

    def _search(self, trials: "Trials", values: "Mapping[str, Sequence[float]]") -> "Outcome":
        """Do the runs."""
        from simnpo.experiments.sweep.optuna_search import optuna_settings
        from simnpo.experiments.sweep.outcome import Outcome

        if self.search != "optuna":
            return self._execute(trials, self._settings(values))
        assert self.trials is not None
        failed: dict[Run, str] = {}

        def judge(settings: "Sequence[Setting]") -> list[tuple[float, float]]:
            outcome = self._execute(trials, settings)
            failed.update(outcome.failed)
            return outcome.judged()

        asked = optuna_settings(values, self.trials, self.seed, judge)
        return Outcome(trials, tuple(asked), self.out / RUNS, failed)

    def _execute(self, trials: "Trials", settings: "Sequence[Setting]") -> "Outcome":
        from simnpo.experiments.sweep.outcome import Outcome

        home = self.out / RUNS
        failed = self.engine.execute(trials.of(settings), home)
        outcome = Outcome(trials, tuple(settings), home, failed)
        if lost := [one for one in outcome.needed() if one in failed]:
            raise UserError(f"{lost[0].title}: {failed[lost[0]]}")
        return outcome
