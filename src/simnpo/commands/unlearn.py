"""`simnpo unlearn`: make a model forget a forget set and keep a retain set."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.commands.method_options import MethodOptions, ReinforceOptions, as_options
from simnpo.commands.options import (
    LoraOptions,
    MethodName,
    OutputOptions,
    PromptOptions,
    Revision,
    TrainingOptions,
    Unset,
    given,
)
from simnpo.commands.own_run_options import ReportOptions
from simnpo.commands.sets import SetOptions
from simnpo.commands.watch_options import WatchOptions
from simnpo.config import TrainingConfig
from simnpo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simnpo.benchmarks.own import OwnSets
    from simnpo.commands.training_job import TrainingJob
    from simnpo.data.examples import Example
    from simnpo.experiments.own_run import OwnRun
    from simnpo.experiments.own_sequence import OwnSequence
    from simnpo.jobs import Callbacks, Job
    from simnpo.methods import AnyMethod
    from simnpo.presets import Preset


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
    sets: SetOptions = field(default_factory=SetOptions)
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
        seed = self.training.over(TrainingConfig()).seed  # whatever is out of its range is refused
        # Without measurements, and for Retrain, all that is to be kept is trained on.
        held_out = None if self.report.no_report or self.method == "retrain" else seed
        own, requested = self.sets.own(held_out), self.sets.own_requests(held_out)
        if self.report.no_report:  # else they are in the block before each run
            self._warn(requested or ((own,) if own else ()))
        preset = self._preset(requested[0] if requested else own)
        methods = self._methods(preset)
        first = next(iter(methods.values()))
        self._check_reinforce(first)
        self._check_reference(first)
        self.watch.check_method(first)
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

    def _warn(self, sets: "Sequence[OwnSets]") -> None:
        """Name the retain rows that work against forgetting, once each."""
        from simnpo.data.conflicts import find_conflicts
        from simnpo.notes import note_once

        for one in sets:
            for conflict in find_conflicts(one.forget, (*one.retain, *one.kept)):
                note_once(f"Warning: {conflict.reason}")

    def _preset(self, own: "OwnSets | None") -> "Preset":
        """Return the settings that options change: the benchmark's, or those for own data."""
        from simnpo.presets import own_data_preset, unlearning_preset
        from simnpo.shape import read_shape

        benchmark = self.sets.benchmark
        if own is None or self.method == "retrain":
            return unlearning_preset(benchmark.benchmark, benchmark.split, self.method)
        shape = read_shape(self.model, self.prompt.trust_remote_code)
        lora = self.lora.lora_rank > 0
        return own_data_preset(self.method, self._rows(own), shape.parameters, lora)

    def _rows(self, own: "OwnSets") -> int:
        """Count what is to be forgotten: rows, or the pieces that texts are trained in."""
        from simnpo.data.encoding import Encoder
        from simnpo.models import load_tokenizer

        examples = [row.example for row in own.forget]
        if examples[0].question is not None:
            return len(examples)
        tokenizer = load_tokenizer(self.model, self.prompt.trust_remote_code)
        encoder = Encoder(tokenizer, self.prompt.template, self.prompt.limit())
        return len(encoder.encode_all(examples))

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

    def _jobs(
        self,
        methods: "dict[Path, AnyMethod]",
        preset: "Preset",
        own: "OwnSets | None",
        measured: "OwnRun | None",
    ) -> "list[TrainingJob]":
        """Return a job for each folder's method, and before them what they need."""
        from simnpo.commands.training_job import TrainingJob
        from simnpo.reinforce import Stage, stages
        from simnpo.runs import RUN

        job = self._job(next(iter(methods.values())), preset, own)
        if own is not None:
            from simnpo.experiments.own_run import FILES, was_measured

            # Those of a run that is overwritten would not be this one's.
            if measured or any(map(was_measured, methods)):
                job = replace(job, also_writes=FILES)
        if measured is not None:
            job = self._recording(job, measured)
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
                (*self.sets.inputs, self.watch.retain_scores, *self._models()),
                measured if stage.out in methods else None,
            )
            for stage, resume in zip(todo, resumed, strict=True)
        ]

    def _job(self, method: "AnyMethod", preset: "Preset", own: "OwnSets | None" = None) -> "Job":
        from simnpo.jobs import Job

        return Job(
            command="unlearn",
            model=self.model,
            method=method,
            data=self.sets.load(method, self.prompt, own),
            training=self.training.over(preset.training),
            lora=self.lora.config(),
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
            "template": job.data.template,
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
        from simnpo.commands.sequence import SequenceJob
        from simnpo.scoring.evaluation import read_scores

        watch = self.watch
        if watch.evaluate_epochs:
            raise UserError("requests are evaluated after each stage; leave out --evaluate-epochs.")
        if self.reinforce.reinforced:
            raise UserError(
                "--reinforced is one model, and each request needs its own: leave it out, and each "
                "stage over-fits one first."
            )
        if self.reference:
            raise UserError(
                "--reference is one model, and each request is compared with the model that its "
                "stage starts from: leave it out."
            )
        if len(methods) > 1:
            raise UserError("--alpha: requests are unlearned with one alpha; give one.")
        (method,) = methods.values()
        job = self._job(method, preset, own[0] if own else None)
        presets = [self._preset(one) for one in own]
        measured = self._own_sequence(own, presets)
        if measured is not None:
            job = self._recording(job, measured)
        SequenceJob(
            job=job,
            trainings=[self.training.over(one.training) for one in presets],
            own=measured,
            reinforcement=self.reinforce.over(preset.reinforcement),
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

    def _check_reference(self, method: "AnyMethod") -> None:
        """Refuse a reference where nothing compares with it."""
        if self.reference is not None and not method.needs_reference_logps:
            raise UserError(
                f"{method.title} compares with no reference's log-probs: leave out --reference."
            )
