"""`simnpo unlearn`: make a model forget a forget set and keep a retain set."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.cli.data_options import DataOptions
from simnpo.cli.lora_options import LoraOptions
from simnpo.cli.method_options import MethodOptions, ReinforceOptions
from simnpo.cli.options import (
    MethodName,
    OutputOptions,
    Revision,
    TrainingOptions,
    Unset,
)
from simnpo.cli.own_run_options import ReportOptions
from simnpo.cli.prompt_options import PromptOptions
from simnpo.cli.unlearn_checks import (
    check_reference,
    check_reinforce,
    check_requests,
    warn_of_conflicts,
    warn_of_shortened,
)
from simnpo.cli.unlearn_settings import benchmark_preset, encoder_of, methods_of, own_preset
from simnpo.cli.watch_options import WatchOptions
from simnpo.config import TrainingConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simnpo.benchmarks.own import OwnSets
    from simnpo.benchmarks.preset import Preset
    from simnpo.cli.training_job import TrainingJob
    from simnpo.data.examples import Example
    from simnpo.experiments.jobs import Callbacks, Job
    from simnpo.experiments.own_run import OwnRun
    from simnpo.experiments.own_sequence import OwnSequence
    from simnpo.methods.registry import AnyMethod


@dataclass(frozen=True)
class Unlearn:
    """Make a model forget the forget set and keep the retain set.

    Example: simnpo unlearn --model my-model --forget forget.jsonl --retain retain.jsonl --out out
    """

    model: str
    """Model to unlearn from: a folder, a run of simnpo, or a hub id of any causal LM."""
    output: OutputOptions
    revision: Revision = None
    method: MethodName = "simnpo"
    reference: Unset[str] = None
    """Model whose log-probs npo, idk_dpo and altpo compare with [--model, as it is before]."""
    report_to: str = "none"
    """transformers' logging integrations, by comma: tensorboard, wandb, trackio."""
    sets: DataOptions = field(default_factory=DataOptions)
    watch: WatchOptions = field(default_factory=WatchOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    settings: MethodOptions = field(default_factory=MethodOptions)
    reinforce: ReinforceOptions = field(default_factory=ReinforceOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    prompt: PromptOptions = field(default_factory=PromptOptions)

    def run(self) -> None:
        """Unlearn, and say where the model is."""
        self.watch.check(self.sets, reported=not self.report.no_report)
        self.report.check()
        seed = self.training.apply_to(
            TrainingConfig()
        ).seed  # whatever is out of its range is refused
        # Without measurements, and for Retrain, all that is to be kept is trained on.
        held_out = None if self.report.no_report or self.method == "retrain" else seed
        own, requested = self.sets.own(held_out), self.sets.own_requests(held_out)
        every = requested or ((own,) if own else ())
        if self.report.no_report:  # else they are in the block before each run
            warn_of_conflicts(every)
        preset = self._preset(requested[0] if requested else own)
        methods = methods_of(preset, self.settings, self.output.out)
        first = next(iter(methods.values()))
        check_reinforce(first, self.reinforce, self.training)
        check_reference(first, self.reference)
        self.watch.check_method(first)
        if every:
            warn_of_shortened(every, encoder_of(self.model, self.prompt))
        if requests := self.sets.load_requests(first):
            self._run_sequence(methods, preset, requests, requested)
            return
        measured = self._own_run(own, preset)
        left = [job for job in self._jobs(methods, preset, own, measured) if job.check()]
        if any(job.output.out in methods for job in left):  # else no reinforced model is needed
            for job in left:
                out = job.output.out
                watched = measured or (self._unmeasured(own) if own else None)
                job.run(self._callbacks(methods[out], out, watched) if out in methods else None)

    def _preset(self, own: "OwnSets | None") -> "Preset":
        """Return the settings that options change: the benchmark's, or those for own data."""
        if own is None or self.method == "retrain":
            return benchmark_preset(self.sets.benchmark, self.method)
        return own_preset(
            own, self.model, self.method, self.prompt, self.lora, self.settings.retain_loss
        )

    def _own_run(self, own: "OwnSets | None", preset: "Preset") -> "OwnRun | None":
        """Return how the run is measured, where it is one on own data."""
        forgets = getattr(preset.method, "forget", True) is not None
        if own is None or self.report.no_report or not forgets:
            return None
        usual = {
            "learning_rate": preset.training.learning_rate,
            "steps": preset.training.steps,
            "forget_weight": getattr(preset.method, "forget_weight", None),
        }
        return self.report.own_run(own, self.watch.retain_scores, usual)

    def _jobs(
        self,
        methods: "dict[Path, AnyMethod]",
        preset: "Preset",
        own: "OwnSets | None",
        measured: "OwnRun | None",
    ) -> "list[TrainingJob]":
        """Return a job for each folder's method, and before them what they need."""
        from simnpo.cli.training_job import TrainingJob
        from simnpo.experiments.reinforce import Stage, stages
        from simnpo.storage.runs import RUN

        job = self._job(next(iter(methods.values())), preset, own)
        if own is not None:
            from simnpo.experiments.own_run import FILES, was_measured

            # Those of a run that is overwritten would not be this one's.
            if measured or any(map(was_measured, methods)):
                job = replace(job, also_writes=FILES)
        if measured is not None:
            job = self._recording(job, measured)
        elif own is not None and self.watch.evaluate_epochs:
            job = replace(job, further={**job.further, **self._unmeasured(own).asked()})
        wanted = [Stage(replace(job, method=method), out) for out, method in methods.items()]
        todo = stages(wanted, self.reinforce.apply_to(preset.reinforcement), self.output.out)
        # A run that Ctrl-C came before is started with --resume; one run at least must be there.
        begun = [(stage.out / RUN).is_file() for stage in todo]
        resumed = [self.output.resume and (here or not any(begun)) for here in begun]
        return [
            TrainingJob(
                stage.job,
                replace(self.output, out=stage.out, resume=resume),
                self.report_to,
                (*self.sets.inputs, self.watch.retain_scores, *self._models()),
                measured if stage.out in methods else None,
            )
            for stage, resume in zip(todo, resumed, strict=True)
        ]

    def _job(self, method: "AnyMethod", preset: "Preset", own: "OwnSets | None" = None) -> "Job":
        from simnpo.experiments.jobs import Job

        return Job(
            command="unlearn",
            model=self.model,
            method=method,
            data=self.sets.load(method, self.prompt, own),
            training=self.training.apply_to(preset.training),
            lora=self.lora.config(preset),
            trust_remote_code=self.prompt.trust_remote_code,
            reinforced=self.reinforce.reinforced,
            reference=self.reference,
            further=self.watch.record(),
        )

    def _recording(self, job: "Job", measured: "OwnRun | OwnSequence") -> "Job":
        """Return `job` with a record of how it is measured.

        A method that trains nothing does not record what the measurements depend on: the seed,
        which chose the rows held out, and the prompts.
        """
        record = {
            **measured.record(),
            "seed": job.training.seed,
            **job.data.prompts.record(),
            "max_length": job.data.max_length,
        }
        return replace(job, further={**job.further, **record})

    def _models(self) -> "list[str]":
        """Return what is read of other models: never to be overwritten."""
        from simnpo.models import resolve

        return [
            resolve(one) for one in (self.reinforce.reinforced, self.reference) if one is not None
        ]

    def _callbacks(
        self, method: "AnyMethod", out: Path, own: "OwnRun | None" = None
    ) -> "Callbacks":
        return partial(self.watch.callbacks, method, self.sets, self.prompt, out, own)

    def _unmeasured(self, own: "OwnSets") -> "OwnRun":
        """Return what is measured over epochs of a run that is not measured otherwise."""
        return self.report.own_run(own, self.watch.retain_scores, {})

    def _run_sequence(
        self,
        methods: "dict[Path, AnyMethod]",
        preset: "Preset",
        requests: "tuple[tuple[Example, ...], ...]",
        own: "tuple[OwnSets, ...]",
    ) -> None:
        from simnpo.cli.sequence import SequenceJob
        from simnpo.evaluation.evaluation import read_scores

        watch = self.watch
        check_requests(watch, self.reinforce, self.reference, len(methods))
        (method,) = methods.values()
        job = self._job(method, preset, own[0] if own else None)
        presets = [self._preset(one) for one in own]
        measured = self._own_sequence(own, presets)
        if measured is not None:
            job = self._recording(job, measured)
        SequenceJob(
            job=job,
            trainings=[self.training.apply_to(one.training) for one in presets],
            own=measured,
            reinforcement=self.reinforce.apply_to(preset.reinforcement),
            output=self.output,
            report_to=self.report_to,
            inputs=(*self.sets.inputs, watch.retain_scores),
            requests=requests,
            benchmark=watch.benchmark(self.sets) if self.sets.sequential else None,
            retain_scores=watch.retain_scores,
            retain=read_scores(Path(watch.retain_scores)) if watch.retain_scores else None,
            callbacks=partial(self._callbacks, method),
        ).run()

    def _own_sequence(
        self, requests: "Sequence[OwnSets]", presets: "Sequence[Preset]"
    ) -> "OwnSequence | None":
        """Return how requests on own data are measured, where they are."""
        runs = [self._own_run(*one) for one in zip(requests, presets, strict=True)]
        measured = tuple(run for run in runs if run is not None)
        if not measured:
            return None
        from simnpo.experiments.own_sequence import OwnSequence

        return OwnSequence(measured)
