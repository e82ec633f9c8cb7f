"""Over-fitting a model on its forget set first, for the methods that compare with the result.

RKLD calls that model strengthened, MUSE reinforced. It is a run of its own, `reinforced/` in the
folder of the run that needs it, or of a sweep whose runs share it.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simnpo.config import LoraConfig, Reinforcement
from simnpo.errors import UserError
from simnpo.experiments.jobs import Callbacks, Job
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL
from simnpo.methods.task_vector import TaskVector
from simnpo.models import resolve
from simnpo.models.tensor_store import Weights
from simnpo.storage import runs

if TYPE_CHECKING:
    from simnpo.methods.registry import AnyMethod

FOLDER = "reinforced"
COMMAND = "reinforce"
METHOD = Method("Reinforced", None, NLL())


class Stage(NamedTuple):
    """A job and its folder."""

    job: Job
    out: Path

    def finished(self) -> bool:
        """Tell whether the job is done in its folder.

        Raises:
            UserError: another one was begun there.
        """
        return (self.out / runs.RUN).is_file() and not self.job.unfinished(self.out)


def stages(jobs: list[Stage], reinforcement: Reinforcement, home: Path) -> list[Stage]:
    """Return what is to be done for `jobs` of one method, one after the other.

    Where the method needs a reinforced model and none is given, over-fitting one in
    `home/reinforced` comes first, once for all of them.

    Raises:
        UserError: the model that is given was over-fitted from another model, or on other data;
            weights are edited that would be rounded to 4 bits; or see `Weights`.
    """
    job = jobs[0].job
    if not job.method.needs_reinforced:
        return jobs
    check_four_bits(job.method, job.lora)
    if job.reinforced is not None:
        _check(job, job.reinforced)
        known = {"reinforced": job.reinforced}
        return [one._replace(job=_recording(one.job, known)) for one in jobs]
    if isinstance(job.method, TaskVector):
        Weights(job.model)  # what cannot be edited is reported before any over-fitting
    folder = home / FOLDER
    settings = {"reinforcement": asdict(reinforcement)}
    compared = [
        one._replace(job=replace(_recording(one.job, settings), reinforced=str(folder)))
        for one in jobs
    ]
    return [Stage(reinforcing(job, reinforcement), folder), *compared]


def check_four_bits(method: "AnyMethod", lora: LoraConfig) -> None:
    """Refuse to edit weights that are held in 4 bits.

    Raises:
        UserError: see above.
    """
    if isinstance(method, TaskVector) and lora.load_in_4bit:
        raise UserError(
            f"{method.title} edits whole weights, and ``load_in_4bit`` would round them: leave "
            "it out."
        )


def reinforcing(job: Job, reinforcement: Reinforcement) -> Job:
    """Return the job that over-fits the model of `job` on its forget set."""
    lora = replace(job.lora, subspace="free")
    if isinstance(job.method, TaskVector) and lora.rank:
        lora = replace(lora, merge=True)
    return replace(
        job,
        command=COMMAND,
        method=METHOD,
        data=replace(job.data, forget=(), retain=job.data.forget, refusals=()),
        # It has no reference, and no rows to keep.
        training=replace(reinforcement.apply_to(job.training), offload_reference=False),
        lora=lora,
        further={},
        keeps_type=False,  # a task vector is a small difference
    )


def unlearn(
    job: Job,
    reinforcement: Reinforcement,
    out: Path,
    *,
    resume: bool = False,
    report_to: str = "none",
    callbacks: Callbacks | None = None,
) -> None:
    """Apply any method: do `job` in `out`, after what has to come before it.

    Args:
        job: what to do.
        reinforcement: how to over-fit the model that the method needs, if it needs one.
        out: the run's folder.
        resume: keep what is finished in `out`, and go on with what is not.
        report_to: transformers' logging integrations, by comma.
        callbacks: further callbacks of the training that unlearns.

    Raises:
        UserError: see `stages`, `Job.unfinished` and `Job.execute`.
    """
    *before, last = stages([Stage(job, out)], reinforcement, out)
    if resume and last.finished():
        return
    for stage in (*before, last):
        begun = resume and (stage.out / runs.RUN).is_file()
        if not (begun and stage.finished()):
            own = callbacks if stage is last else None
            stage.job.execute(stage.out, resume=begun, report_to=report_to, callbacks=own)


def _recording(job: Job, further: Mapping[str, object]) -> Job:
    return replace(job, further={**job.further, **further})


def _check(job: Job, reinforced: str) -> None:
    """Refuse a run that over-fitted something else; nothing is known of a model without a run."""
    if not (Path(reinforced) / runs.RUN).is_file():
        return
    record = runs.read_run(Path(reinforced))
    if record["command"] == "finetune":  # by the user's own settings
        return
    if record["command"] != COMMAND:
        raise UserError(
            f"``reinforced`` {reinforced} is a run of simnpo {record['command']}, which over-fits "
            f"nothing; give the {FOLDER}/ folder of an earlier run."
        )
    before, now = record["config"].get("model"), job.model
    if resolve(str(before)) != resolve(now):
        raise UserError(
            f"``reinforced`` {reinforced} was over-fitted from {before}, not from {now}."
        )
    if record["data"].get("retain_hash") != runs.fingerprint(job.data.forget):
        raise UserError(f"``reinforced`` {reinforced} was over-fitted on another forget set.")
