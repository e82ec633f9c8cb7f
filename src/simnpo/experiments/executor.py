"""Where runs are done: what a scheduler asks of processes, here or on a cluster."""

import traceback
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol, runtime_checkable

from simnpo.errors import Interrupted, UserError
from simnpo.experiments.key import accept
from simnpo.experiments.run import Run
from simnpo.report.endings import ending_of

LOG = "workers.log"
"""What the processes say, errors above all."""


@runtime_checkable
class Executor(Protocol):
    """Does runs in processes of its own, several at a time."""

    @property
    def slots(self) -> int:
        """How many runs go on at a time."""

    def submit(self, run: Run, home: Path) -> "Future[str | None]":
        """Begin a run; the result is why it failed, None where it did not.

        Args:
            run: what to do; fewer than `slots` others are going on.
            home: folder of all runs.
        """

    def reason(self, error: Exception) -> str:
        """Return why a run was lost whose future raised `error`.

        Raises:
            Exception: `error`, where it is not that the run's process has ended.
        """

    def interrupt(self, number: int) -> None:
        """Stop the runs that are going on, since this process was sent signal `number`."""

    def end(self) -> None:
        """Wait for the runs that are going on, and let the processes end."""


def work(run: Run, home: Path, code: Mapping[str, dict[str, str]]) -> str | None:
    """Do a run in a process of an executor; return why it failed, None where it did not.

    Args:
        run: what to do.
        home: folder of all runs.
        code: see `simnpo.experiments.key.accepted`.
    """
    accept(code)
    try:
        run.ensure(home)
    except Interrupted:
        raise
    except Exception as error:  # such as a GPU's memory: the other runs need not suffer
        if not isinstance(error, UserError):
            with (home / LOG).open("a", encoding="utf-8") as log:
                traceback.print_exc(file=log)
        words = ending_of(error, f"{home / LOG} has the traceback").words
        return words.removeprefix("error: ")
    return None
