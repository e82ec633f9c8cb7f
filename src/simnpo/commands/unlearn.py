"""`simnpo unlearn`: make a model forget a forget set and keep a retain set."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simnpo.commands.method_options import MethodOptions, ReinforceOptions, as_options
from simnpo.commands.options import (
    LoraOptions,
    MethodName,
    OutputOptions,
    PromptOptions,
    TrainingOptions,
    Unset,
    check_retain_scores,
    given,
)
from simnpo.commands.sets import SetOptions
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.benchmarks.base import Benchmark
    from simnpo.commands.training_job import TrainingJob
    from simnpo.data.examples import Example
    from simnpo.jobs import Job
    from simnpo.methods import AnyMethod
    from simnpo.presets import Preset
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
    evaluate_epochs: int = 0
    """Evaluate the benchmark every so many epochs while training; 0 does not."""
    retain_scores: Unset[str] = None
    """Evaluation of a retain model, for forget quality in those evaluations (or --sequential's)."""
    report_to: str = "none"
    """transformers' logging integrations, by comma: tensorboard, wandb, trackio."""
    sets: SetOptions = field(default_factory=SetOptions)
    settings: MethodOptions = field(default_factory=MethodOptions)
    reinforce: ReinforceOptions = field(default_factory=ReinforceOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def run(self) -> None:
        """Unlearn, and say where the model is."""
        from simnpo.presets import unlearning_preset

        self._check_watch()
        benchmark = self.sets.benchmark
        preset = unlearning_preset(benchmark.benchmark, benchmark.split, self.method)
        methods = self._methods(preset)
        first = next(iter(methods.values()))
        self._check_reinforce(first)
        if requests := self.sets.load_requests(first):
            self._run_sequence(methods, preset, requests)
            return
        left = [job for job in self._jobs(methods, preset) if job.check()]
        if any(job.output.out in methods for job in left):  # else no reinforced model is needed
            for job in left:
                out = job.output.out
                job.run(partial(self._watch, out) if out in methods else None)

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
        from simnpo.reinforce import Stage, stages
        from simnpo.runs import RUN

        job = self._job(next(iter(methods.values())), preset)
        wanted = [Stage(replace(job, method=method), out) for out, method in methods.items()]
        todo = stages(wanted, self.reinforce.over(preset.reinforcement), self.output.out)
        # A run that Ctrl-C came before is started with --resume; one run at least must be there.
        begun = [(stage.out / RUN).is_file() for stage in todo]
        resumed = [self.output.resume and (here or not any(begun)) for here in begun]
        return [
            TrainingJob(
                stage.job,
                replace(self.output, out=stage.out, resume=resume),
                self.report_to,
                (*self.sets.files, self.retain_scores, self.reinforce.reinforced),
            )
            for stage, resume in zip(todo, resumed, strict=True)
        ]

    def _job(self, method: "AnyMethod", preset: "Preset") -> "Job":
        from simnpo.jobs import Job

        return Job(
            command="unlearn",
            model=self.model,
            method=method,
            data=self.sets.load(method, self.prompt),
            training=self.training.over(preset.training),
            lora=self.lora.config(),
            trust_remote_code=self.prompt.trust_remote_code,
            reinforced=self.reinforce.reinforced,
            further=self._watched(),
        )

    def _run_sequence(
        self,
        methods: "dict[Path, AnyMethod]",
        preset: "Preset",
        requests: "tuple[tuple[Example, ...], ...]",
    ) -> None:
        from simnpo.commands.sequence import SequenceJob
        from simnpo.scoring.evaluation import read_scores

        if self.evaluate_epochs:
            raise UserError("requests are evaluated after each stage; leave out --evaluate-epochs.")
        if self.reinforce.reinforced:
            raise UserError(
                "--reinforced is one model, and each request needs its own: leave it out, and each "
                "stage over-fits one first."
            )
        if len(methods) > 1:
            raise UserError("--alpha: requests are unlearned with one alpha; give one.")
        (method,) = methods.values()
        SequenceJob(
            job=self._job(method, preset),
            reinforcement=self.reinforce.over(preset.reinforcement),
            output=self.output,
            report_to=self.report_to,
            inputs=(*self.sets.files, self.retain_scores),
            requests=requests,
            benchmark=self._evaluated() if self.sets.sequential else None,
            retain_scores=self.retain_scores,
            retain=read_scores(Path(self.retain_scores)) if self.retain_scores else None,
        ).run()

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
        instead = {
            "epochs": "reinforce_epochs",
            "steps": "reinforce_epochs",
            "learning_rate": "reinforce_learning_rate",
        }
        own = [name for name in instead if name in given(self.training)]
        if own:
            theirs = as_options(dict.fromkeys(instead[name] for name in own))
            raise UserError(
                f"{method.title} trains nothing but its reinforced model: in the place of "
                f"{as_options(own)} give {theirs}."
            )
        if self.evaluate_epochs:
            raise UserError(f"{method.title} has no epochs: leave out --evaluate-epochs.")

    def _check_watch(self) -> None:
        if self.evaluate_epochs < 0:
            raise UserError(f"--evaluate-epochs must be at least 0, got {self.evaluate_epochs}.")
        if self.retain_scores and not (self.evaluate_epochs or self.sets.sequential):
            raise UserError("--retain-scores does nothing without --evaluate-epochs.")
        if self.evaluate_epochs and not self.sets.benchmark.benchmark:
            raise UserError("--evaluate-epochs evaluates a benchmark: give --benchmark.")

    def _evaluated(self) -> "Benchmark":
        benchmark = self.sets.benchmark.load("evaluation")
        check_retain_scores(benchmark, self.retain_scores)
        return benchmark

    def _watched(self) -> dict[str, Any]:
        """Return what a run's history depends on."""
        if not self.evaluate_epochs:
            return {}
        return {"evaluate_epochs": self.evaluate_epochs, "retain_scores": self.retain_scores}

    def _watch(self, out: Path, tokenizer: Any) -> "list[EvaluateWhileTraining]":
        from simnpo.data.encoding import Encoder
        from simnpo.scoring.evaluation import read_scores
        from simnpo.training.watch import EvaluateWhileTraining

        if not self.evaluate_epochs:
            return []
        retain = read_scores(Path(self.retain_scores)) if self.retain_scores else None
        benchmark = self._evaluated()
        return [
            EvaluateWhileTraining(
                benchmark,
                Encoder(tokenizer, self.prompt.template, self.prompt.limit(benchmark)),
                out,
                self.evaluate_epochs,
                retain,
            )
        ]
