"""Options of the commands that do many runs: where they are done, and which are used again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from simnpo.cli.options import Unset
from simnpo.system.terminal import write

if TYPE_CHECKING:
    from simnpo.experiments.run import Run


@dataclass(frozen=True)
class EngineOptions:
    """Where runs are done, and which of those in --out are used again."""

    workers: Unset[int] = None
    """Runs at a time [one for each GPU, else for each core, as far as memory holds them]."""
    executor: Literal["local", "ray"] = "local"
    """local: processes of this machine; ray: the cluster that RAY_ADDRESS names or that is found,
    else a Ray of this machine, with --out on a disk that all machines share (needs simnpo[ray])."""
    explain_cache: bool = False
    """Print every run, and why no result in --out is used again if it is to be done, and stop."""
    accept_code: bool = False
    """Use results again whose only difference is the code that made them; the report says so."""

    def execute(self, runs: "Sequence[Run]", home: Path) -> "dict[Run, str]":
        """Do runs, see `simnpo.experiments.pool.execute`.

        Raises:
            UserError: Ray is asked for and not there.
            Interrupted: see there.
        """
        from simnpo.experiments.pool import execute

        self._accept(runs, home)
        if self.executor == "local":
            return execute(runs, home, self.workers)
        from simnpo.experiments.ray_tasks import RayTasks

        return execute(runs, home, self.workers, RayTasks)

    def describe(self, runs: "Sequence[Run]", home: Path) -> None:
        """Print what would be done, see `simnpo.experiments.dry_run.describe`."""
        from simnpo.experiments.dry_run import describe

        self._accept(runs, home)
        write("\n".join(describe(runs, home, self.explain_cache)))
        if note := self.note(runs):
            write(note)

    def note(self, runs: "Sequence[Run]") -> str | None:
        """Say which results are by other code; None if none is."""
        from simnpo.experiments.stored_runs import accepted_note

        return accepted_note(runs) if self.accept_code else None

    def _accept(self, runs: "Sequence[Run]", home: Path) -> None:
        from simnpo.experiments.stored_runs import accept_code

        if self.accept_code:
            accept_code(runs, home)
