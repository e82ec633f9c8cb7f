"""`simnpo unlearn`: make a model forget a forget set and keep a retain set."""

import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simnpo.commands.method_options import MethodOptions, ReinforceOptions, as_options
from simnpo.commands.options import (
    BenchmarkOptions,
    ColumnOptions,
    LoraOptions,
    MethodName,
    OutputOptions,
    PromptOptions,
    TrainingOptions,
    Unset,
    given,
)
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.commands.training_job import TrainingJob
    from simnpo.methods import AnyMethod
    from simnpo.presets import Preset
    from simnpo.training.run import TrainingData
    from simnpo.training.watch import EvaluateWhileTraining


@dataclass(frozen=True)
class Unlearn:
    """Make a model forget the forget set and keep the retain set.

    Example: simnpo unlearn --model my-model --forget forget.jsonl --retain retain.jsonl --out out
    """

    model: str
    """Model to unlearn from: a folder, a run of simnpo, or a hub id of any causal LM."""
    output: OutputOptions
    method: MethodName = "simnpo"
    forget: Unset[str] = None
    """Forget set: .jsonl, .json, .parquet, .txt (one text) or a hub dataset (name:config:split)."""
    retain: Unset[str] = None
    """Retain set, likewise. Not needed by a method whose retain loss is none."""
    refusals: Unset[str] = None
    """Text file of refusals, one a line, for idk and idk_dpo [the benchmark's, else 20 of ours]."""
    alternate_column: str = "alternate"
    """Column of the forget set with a plausible other answer to each question, for altpo."""
    topic_column: Unset[str] = None
    """Column of the forget set with each row's topic: rmu steers every topic to a place of its own
    [all are one topic]."""
    evaluate_epochs: int = 0
    """Evaluate the benchmark every so many epochs while training; 0 does not."""
    retain_scores: Unset[str] = None
    """Evaluation of a retain model, for forget quality in those evaluations."""
    report_to: str = "none"
    """transformers' logging integrations, by comma: tensorboard, wandb, trackio."""
    benchmark: BenchmarkOptions = field(default_factory=BenchmarkOptions)
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    settings: MethodOptions = field(default_factory=MethodOptions)
    reinforce: ReinforceOptions = field(default_factory=ReinforceOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def run(self) -> None:
        """Unlearn, and say where the model is."""
        from simnpo.presets import unlearning_preset

        self._check_watch()
        name = self.benchmark.benchmark
        preset = unlearning_preset(name, self.benchmark.split, self.method)
        methods = self._methods(preset)
        self._check_reinforce(next(iter(methods.values())))
        left = [job for job in self._jobs(methods, preset) if job.check()]
        if any(job.output.out in methods for job in left):  # else no reinforced model is needed
            for job in left:
                job.run(self._watch if job.output.out in methods else None)

    def _methods(self, preset: "Preset") -> "dict[Path, AnyMethod]":
        """Return the method with its settings; for each alpha and in its own folder, if several."""
        from simnpo.methods import adjust

        out, settings = self.output.out, given(self.settings)
        alphas = settings.pop("alpha", ())
        if len(set(alphas)) < len(alphas):
            raise UserError(f"--alpha {' '.join(map(str, alphas))}: one is named twice.")
        if len(alphas) == 1:
            settings["alpha"] = alphas[0]
        if len(alphas) < 2:
            return {out: adjust(preset.method, **settings)}
        return {
            out / f"alpha-{str(alpha).removesuffix('.0')}": adjust(
                preset.method, **settings, alpha=alpha
            )
            for alpha in alphas
        }

    def _jobs(self, methods: "dict[Path, AnyMethod]", preset: "Preset") -> "list[TrainingJob]":
        """Return a job for each folder's method, and before them what they need."""
        from simnpo.commands.training_job import TrainingJob
        from simnpo.jobs import Job
        from simnpo.reinforce import Stage, stages
        from simnpo.runs import RUN

        first = next(iter(methods.values()))
        job = Job(
            command="unlearn",
            model=self.model,
            method=first,
            data=self._data(first),
            training=self.training.over(preset.training),
            lora=self.lora.config(),
            trust_remote_code=self.prompt.trust_remote_code,
            reinforced=self.reinforce.reinforced,
        )
        wanted = [Stage(replace(job, method=method), out) for out, method in methods.items()]
        todo = stages(wanted, self.reinforce.over(preset.reinforcement), self.output.out)
        # A run that Ctrl-C came before is started with --resume; one run at least must be there.
        begun = [(stage.out / RUN).is_file() for stage in todo]
        resumed = [self.output.resume and (here or not any(begun)) for here in begun]
        files = (self.forget, self.retain, self.refusals, self.retain_scores)
        return [
            TrainingJob(
                stage.job,
                replace(self.output, out=stage.out, resume=resume),
                self.report_to,
                (*files, self.reinforce.reinforced),
            )
            for stage, resume in zip(todo, resumed, strict=True)
        ]

    def _check_reinforce(self, method: "AnyMethod") -> None:
        """Refuse options that do nothing for this method."""
        from simnpo.edits.task_vector import TaskVector

        useless = list(given(self.reinforce))
        if useless and not method.needs_reinforced:
            raise UserError(
                f"{method.title} needs no reinforced model: leave out {as_options(useless)}."
            )
        if not isinstance(method, TaskVector):
            return
        own = [name for name in ("epochs", "learning_rate") if name in given(self.training)]
        if own:
            raise UserError(
                f"{method.title} trains nothing but its reinforced model: in the place of "
                f"{as_options(own)} give {as_options([f'reinforce_{name}' for name in own])}."
            )
        if self.evaluate_epochs:
            raise UserError(f"{method.title} has no epochs: leave out --evaluate-epochs.")

    def _data(self, method: "AnyMethod") -> "TrainingData":
        from simnpo.benchmarks.mini_tofu.words import REFUSALS
        from simnpo.data.examples import load_examples, shared_questions
        from simnpo.data.rows import read_lines
        from simnpo.edits.task_vector import TaskVector
        from simnpo.objectives import Method
        from simnpo.objectives.base import ALTERNATE
        from simnpo.training.run import TrainingData

        loss = None if isinstance(method, TaskVector) else method
        forgets = loss is None or loss.forget is not None
        retains = loss is not None and loss.retain is not None
        loaded = None
        refusals = read_lines(Path(self.refusals)) if self.refusals else ()
        if self.benchmark.benchmark:
            if self.forget or self.retain:
                raise UserError("--benchmark brings its own sets; leave out --forget and --retain.")
            loaded = self.benchmark.load()
            forget = loaded.forget
            retain = self.benchmark.kept(loaded) if retains else ()
            refusals = refusals or loaded.refusals
        else:
            if self.benchmark.split or self.benchmark.data_dir:
                raise UserError("--split and --data-dir need a --benchmark.")
            if forgets and not self.forget:
                raise UserError("give what to forget: --forget FILE, or a --benchmark.")
            if retains and not self.retain:
                raise UserError(
                    f"{method.title} keeps a retain set: give --retain FILE, or --retain-loss none."
                )
            columns = asdict(self.columns)
            scored = method.forget.answers if isinstance(method, Method) and method.forget else ()
            alternate = self.alternate_column if ALTERNATE in scored else None
            forget = (
                load_examples(
                    self.forget,
                    **columns,
                    topic_column=self.topic_column,
                    alternate_column=alternate,
                )
                if self.forget
                else ()
            )
            retain = load_examples(self.retain, **columns) if self.retain else ()
        if shared := shared_questions(forget, retain):
            print(
                f"Warning: {shared} of {len(forget)} questions of the forget set are in the retain "
                "set too, so they are both forgotten and kept.",
                file=sys.stderr,
            )
        return TrainingData(
            forget if forgets else (),
            retain if retains else (),
            refusals or REFUSALS,
            self.prompt.template,
            self.prompt.limit(loaded),
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
        benchmark = self.benchmark.load()
        return [
            EvaluateWhileTraining(
                benchmark,
                Encoder(tokenizer, self.prompt.template, self.prompt.limit(benchmark)),
                self.output.out,
                self.evaluate_epochs,
                retain,
            )
        ]
