"""What `unlearn` and `finetune` share: guarding a job's folder, doing the job, and the report."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simnpo.commands.options import OutputOptions, check_output

if TYPE_CHECKING:
    from simnpo.jobs import Callbacks, Job


@dataclass(frozen=True)
class TrainingJob:
    """A job whose settings are all resolved, and where it goes."""

    job: "Job"
    output: OutputOptions
    report_to: str
    inputs: tuple[str | None, ...]
    """Files that are read, beside the model: never to be overwritten."""

    def check(self) -> bool:
        """Make sure that the job may go into `output.out` and fits this machine.

        Returns:
            Whether there is anything left to do; if not, the user is told.

        Raises:
            UserError: see `check_output` and `simnpo.hardware.check_hardware`.
        """
        from simnpo.config import check_offload
        from simnpo.hardware import check_hardware
        from simnpo.jobs import NAMES
        from simnpo.models import quiet, resolve

        quiet()
        check_hardware(self.job.training, self.job.lora)
        check_offload(self.job.training, self.job.lora, self.job.method.compares)
        return check_output(
            self.output,
            NAMES,
            lambda: self.job.unfinished(self.output.out),
            lambda: (resolve(self.job.model), *self.inputs),
        )

    def run(self, callbacks: "Callbacks | None" = None) -> None:
        """Do the job, once `check` has said so, and say where the model is.

        Raises:
            UserError: see `simnpo.jobs.Job.carry_out`.
        """
        from simnpo import runs
        from simnpo.distributed import is_main
        from simnpo.models import MODEL_FOLDER

        job, out = self.job, self.output.out
        results = job.carry_out(
            out, resume=self.output.resume, report_to=self.report_to, callbacks=callbacks
        )
        if not is_main():
            return
        counted = "steps" if "steps" in results else "tensors"
        print(
            f"{job.method.title}: {results[counted]} {counted} in {results['seconds']:.0f} s, "
            f"peak memory {results['peak_memory_mib']:.0f} MiB."
        )
        if shortened := results.get("shortened_answers"):
            print(f"Note: --max-length {job.data.max_length} shortened {shortened} answers.")
        print(f"Model: {out / MODEL_FOLDER}\nRecord: {out / runs.RUN}")
