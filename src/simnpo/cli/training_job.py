"""What `unlearn` and `finetune` share: guarding a job's folder, doing the job, and the report."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from simnpo.cli.options import OutputOptions, check_output
from simnpo.system.command_words import command_text
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import TrainerCallback

    from simnpo.data.tokenizer import Tokenizer
    from simnpo.experiments.jobs import Callbacks, Job
    from simnpo.experiments.own_run import OwnRun
    from simnpo.models.causal_lm import CausalLM


@dataclass(frozen=True)
class TrainingJob:
    """A job whose settings are all resolved, and where it goes."""

    job: "Job"
    output: OutputOptions
    report_to: str
    inputs: tuple[str | None, ...]
    """Files that are read, besides the model: never to be overwritten."""
    measured: "OwnRun | None" = None
    """How the job is measured, where it is on the user's own sets."""

    def check(self) -> bool:
        """Make sure that the job may go into `output.out` and fits this machine.

        Returns:
            Whether there is anything left to do; if not, a message says so.

        Raises:
            UserError: see `check_output`, `simnpo.experiments.jobs.Job.check` and
                `simnpo.experiments.own_run.OwnRun.check`.
        """
        from simnpo.models import quiet, resolve

        quiet()
        self.job.check(self.report_to)
        left = check_output(
            self.output,
            self.job.names,
            lambda: self.job.unfinished(self.output.out) or not self._reported,
            lambda: (self.job.model, resolve(self.job.model), *self.inputs),
        )
        if left and self.measured is not None:
            self.measured.check(self.job)
        return left

    @property
    def _reported(self) -> bool:
        """Whether the run's last file is there."""
        from simnpo.report.rendering import REPORT

        return self.measured is None or (self.output.out / REPORT).is_file()

    def run(self, callbacks: "Callbacks | None" = None) -> None:
        """Do the job, once `check` has said so, and say where the model is.

        Raises:
            UserError: see `Job.execute` and `simnpo.experiments.own_run.OwnRun`.
        """
        from simnpo.storage.runs import RUN

        out = self.output.out
        begun = self.output.resume and (out / RUN).is_file()
        if not begun or self.job.unfinished(out):
            self._train(callbacks)
        if self.measured is not None:
            self._judge(self.measured)

    def _train(self, callbacks: "Callbacks | None") -> None:
        from simnpo.models import MODEL_FOLDER
        from simnpo.report.plain_text import write_wrapped
        from simnpo.storage import runs
        from simnpo.system.distributed import is_main

        job, out = self.job, self.output.out
        watched = callbacks if self.measured is None else partial(self._callbacks, callbacks)
        results = job.execute(
            out, resume=self.output.resume, report_to=self.report_to, callbacks=watched
        )
        if not is_main():
            return
        counted = "steps" if "steps" in results else "tensors"
        write(
            f"{job.method.title}: {results[counted]} {counted} in {results['seconds']:.0f} s, "
            f"peak memory {results['peak_memory_mib']:.0f} MiB."
        )
        if shortened := results.get("shortened_answers"):
            write(f"Note: --max-length {job.data.max_length} shortened {shortened} answers.")
        if ended := results.get("control"):
            write_wrapped(ended["why"])
        if self.measured is None:
            write(f"Model: {out / MODEL_FOLDER}\nRecord: {out / runs.RUN}")

    def _callbacks(
        self,
        others: "Callbacks | None",
        model: "CausalLM",
        tokenizer: "Tokenizer",
    ) -> "Sequence[TrainerCallback]":
        assert self.measured is not None
        made = self.measured.start(self.job, self.output.out, model, tokenizer)
        return [*made, *(others(model, tokenizer) if others else ())]

    def _judge(self, measured: "OwnRun") -> None:
        """Measure the trained model and print what it has forgotten and kept."""
        from simnpo.system.distributed import is_main

        out = self.output.out
        command = command_text()
        text = measured.finish(self.job, out, command)
        if is_main():
            write(text)
