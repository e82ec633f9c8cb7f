"""Successive forget requests: each stage unlearns one, from the model that the last one left."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.cli.options import OutputOptions, check_output
from simnpo.cli.stage_evaluations import StageEvaluations, Stages
from simnpo.errors import UserError
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from simnpo.benchmarks.base import Benchmark
    from simnpo.config import Reinforcement, TrainingConfig
    from simnpo.data.examples import Example
    from simnpo.data.tokenizer import Tokenizer
    from simnpo.evaluation.tables import Tables
    from simnpo.experiments.jobs import Callbacks, Job
    from simnpo.experiments.own_sequence import OwnSequence
    from simnpo.models.causal_lm import CausalLM


@dataclass(frozen=True)
class SequenceJob:
    """Several requests for one unlearning job, which says all but what is forgotten at a stage.

    As in MUSE (arXiv 2407.06460), a stage forgets its own request alone, keeps the same retain set
    at every stage, and a method's reference is the model that the stage starts from.
    """

    job: "Job"
    """Its model is the first stage's; what it forgets is not used."""
    reinforcement: "Reinforcement"
    """How each stage over-fits the model that the method compares with, if it needs one."""
    output: OutputOptions
    report_to: str
    inputs: tuple[str | None, ...]
    """Files that are read, besides the model: never to be overwritten."""
    requests: Sequence[tuple["Example", ...]]
    benchmark: "Benchmark | None"
    """What is evaluated before the first stage and after each; None evaluates nothing."""
    retain_scores: str | None
    """Where `retain` was read from."""
    retain: "Tables | None"
    """Tables of a retain model, for metrics that compare with it."""
    callbacks: "Callable[[Path], Callbacks] | None" = None
    """Given a stage's folder, what watches its training."""
    trainings: Sequence["TrainingConfig"] = ()
    """How each stage trains, where they do not all train as `job` says."""
    own: "OwnSequence | None" = None
    """How the stages are measured, where they are on the user's own sets."""

    def run(self) -> None:
        """Do the stages that are not done yet in `stage-1`, `stage-2`, ... of the job's folder.

        Raises:
            UserError: see `simnpo.storage.runs` and `simnpo.experiments.reinforce.unlearn`.
        """
        from simnpo.experiments.model_card import base_of
        from simnpo.models import MODEL_FOLDER
        from simnpo.storage import runs
        from simnpo.storage.whole_folders import link_folder
        from simnpo.system import distributed
        from simnpo.system.progress import announced

        started = time.monotonic()
        out, stages = self.output.out, range(1, len(self.requests) + 1)
        if not self._begin():
            return
        evaluations = self._evaluations
        try:
            evaluations.evaluate(0)
            for number in announced(stages, lambda number: f"Stage {number}"):
                self._unlearn(number)
                evaluations.evaluate(number)
        except UserError:
            # Nothing was trained: leave nothing in the way.
            if distributed.is_main() and not (self._stages.folder(1) / runs.RUN).is_file():
                runs.clear(out, self._names())
            raise
        if not distributed.is_main():
            return
        last = f"{self._stages.folder(stages[-1]).name}/{MODEL_FOLDER}"
        link = out / MODEL_FOLDER
        link_folder(link, last)
        seconds = round(time.monotonic() - started, 1)
        _, on_hub = base_of(self.job.model)
        results = {"model": last, "seconds": seconds, "base_on_hub": on_hub}
        results |= evaluations.report()
        runs.finish(out, results)
        write(f"Model after {len(stages)} requests: {link}, which is {last}")

    def _begin(self) -> bool:
        """Make room in the folder and record the sequence; return whether anything is to be done.

        Raises:
            UserError: a stage would put an adapter on the last one's; or see `check_output`,
                `simnpo.experiments.jobs.Job.check`, `simnpo.experiments.reinforce.stages` and
                `simnpo.experiments.own_sequence.OwnSequence.check`.
        """
        from simnpo.experiments.reinforce import Stage, stages
        from simnpo.methods.task_vector import TaskVector
        from simnpo.models import load_model, quiet, resolve
        from simnpo.storage import runs
        from simnpo.system import distributed

        quiet()
        output, job = self.output, self.job
        for number in range(1, len(self.requests) + 1):  # the first model stands for the others
            stage = Stage(self._stage(number, job.model), self._stages.folder(number))
            for one in stages([stage], self.reinforcement, stage.out):
                one.job.check(self.report_to)
        adapts = job.lora.rank and not job.lora.merge and not isinstance(job.method, TaskVector)
        if adapts and len(self.requests) > 1:
            raise UserError(
                "each request starts from the last one's model, and one adapter cannot be saved on "
                "another: add ``lora_merge``."
            )
        config = job.config() | {
            "requests": len(self.requests),
            "evaluated": self.benchmark is not None or self.own is not None,
            "retain_scores": self.retain_scores,
            "reinforcement": asdict(self.reinforcement) if job.method.needs_reinforced else None,
        }
        data = {
            f"request_{number}_hash": runs.fingerprint(request)
            for number, request in enumerate(self.requests, 1)
        } | {
            f"{name}_hash": runs.fingerprint(getattr(job.data, name))
            for name in ("retain", "refusals")
        }
        left = check_output(
            output,
            self._names(),
            lambda: runs.check_resumable(output.out, job.command, config, data),
            lambda: (job.model, resolve(job.model), *self.inputs),
        )
        if left and self.own:
            self.own.check(job)
        if output.resume:
            return left
        if output.overwrite:  # nothing is removed before the model could be read
            load_model(job.model, "auto", job.trust_remote_code)
        distributed.barrier()
        if distributed.is_main():
            runs.clear(output.out, self._names())
            runs.begin(output.out, job.command, config, data)
        distributed.barrier()
        return True

    def _names(self) -> tuple[str, ...]:
        from simnpo.evaluation.evaluation import EVALUATION
        from simnpo.experiments.original import BEFORE
        from simnpo.models import MODEL_FOLDER
        from simnpo.report.stages import FILES
        from simnpo.storage import runs

        measured = (BEFORE, EVALUATION) if self.own else ()
        return (runs.RUN, "stage-[0-9]*", MODEL_FOLDER, *measured, *FILES)

    @property
    def _stages(self) -> Stages:
        return Stages(self.output.out, self.job.model)

    @property
    def _evaluations(self) -> StageEvaluations:
        return StageEvaluations(
            self._stages, self.job, self.requests, self.benchmark, self.retain, self.own
        )

    def _stage(self, number: int, model: str) -> "Job":
        """Return the job of stage `number` on a model."""
        return replace(
            self.job,
            model=model,
            data=replace(self.job.data, forget=self.requests[number - 1]),
            training=self.trainings[number - 1] if self.trainings else self.job.training,
        )

    def _unlearn(self, number: int) -> None:
        from simnpo.experiments.reinforce import unlearn
        from simnpo.storage import runs
        from simnpo.system import distributed

        stage = self._stage(number, self._stages.model(number - 1))
        folder = self._stages.folder(number)
        others = self.callbacks(folder) if self.callbacks else None
        made: list[TrainerCallback] = []
        own = self.own and partial(self._callbacks, number, stage, others, made)
        unlearn(
            stage,
            self.reinforcement,
            folder,
            resume=True,
            report_to=self.report_to,
            callbacks=own or others,
        )
        if made and distributed.is_main():  # nothing, where the stage was done already
            write(runs.read_run(folder)["control"]["why"])

    def _callbacks(
        self,
        number: int,
        stage: "Job",
        others: "Callbacks | None",
        made: "list[TrainerCallback]",
        model: "CausalLM",
        tokenizer: "Tokenizer",
    ) -> "list[TrainerCallback]":
        """Return what controls and watches a stage on own data."""
        assert self.own
        folder, before = self._stages.folder(number), self._stages.evaluation(0)
        made += self.own.start(number, stage, folder, before, model, tokenizer)
        return [*made, *(others(model, tokenizer) if others else ())]
