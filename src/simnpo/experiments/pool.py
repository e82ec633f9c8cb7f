"""Many runs, several at a time, each in a process and on a GPU of its own; none is done twice."""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import torch

from simnpo.errors import Interrupted, UserError
from simnpo.experiments.pool_progress import runs_progress
from simnpo.experiments.run import Run, unfinished, unresolved
from simnpo.models import quiet
from simnpo.report.endings import ending_of
from simnpo.system.parent import end_with_parent

LOG = "workers.log"
"""What the processes say, errors above all."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The GPUs that a process may use; libraries read it as they are imported."""


def gpus() -> list[str]:
    """Return the GPUs that this process may use, by their names in `VISIBLE`."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return named[:count] or [str(number) for number in range(count)]


def workers() -> int:
    """Return how many runs this machine does at a time: one for each GPU, or for each core."""
    return len(gpus()) or cores()


def cores() -> int:
    """Return how many runs that need no GPU this machine does at a time: one for each core."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def execute(wanted: Sequence[Run], home: Path, at_once: int) -> dict[Run, str]:
    """Do those of `wanted`, and what they need, that `home` does not hold.

    On a CPU each run has one thread, so that no result depends on the number of cores.

    Args:
        wanted: runs.
        home: folder of all runs.
        at_once: runs at a time.

    Returns:
        The runs that failed, or need one that did, with the reason.

    Raises:
        Interrupted: Ctrl-C; what is finished is kept.
    """
    failed = unresolved(wanted)
    resolved = [run for run in wanted if run not in failed]
    waiting = _longest_first(list(unfinished(resolved, home)))
    if not waiting:
        return failed
    home.mkdir(parents=True, exist_ok=True)
    running: dict[Future[str | None], tuple[Run, _Worker]] = {}
    cards = gpus()
    pool = [
        _Worker(home / LOG, cards[number % len(cards)] if cards else None)
        for number in range(at_once)
    ]
    idle = list(pool)
    left = set(waiting)  # by value: runs of one key may have different titles, so folders
    try:
        with runs_progress(waiting) as shown:
            while waiting or running:
                for run in list(waiting):
                    lacking = [one for one in run.needs if one in failed]
                    if lacking:
                        failed[run] = f"{lacking[0].title} failed: {failed[lacking[0]]}"
                        waiting.remove(run)
                        shown.ended(run)
                    elif idle and not any(one in left for one in run.needs):
                        waiting.remove(run)
                        worker = idle.pop(0)
                        running[worker.begin(run, home)] = run, worker
                        shown.began(run)
                if not running:
                    continue
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    run, worker = running.pop(future)
                    try:
                        error = future.result()
                    except BrokenProcessPool:
                        why = "perhaps because memory ran out"
                        error = f"its process was ended, {why} ({home / LOG})"
                    idle.insert(0, worker)  # its process is there already
                    if error:
                        failed[run] = error
                    left.discard(run)
                    shown.ended(run)
    except (KeyboardInterrupt, Interrupted) as error:
        number = getattr(error, "number", signal.SIGINT)
        if number != signal.SIGINT:  # Ctrl-C reaches them by itself
            for process in multiprocessing.active_children():
                process.terminate()
        raise Interrupted(
            "finished runs are kept; give the same command again to go on.", number
        ) from None
    finally:
        for worker in pool:
            worker.end()
    return failed


def _longest_first(runs: Sequence[Run]) -> list[Run]:
    """Sort runs by how long the work is that hangs on each, its own included."""
    ahead: dict[Run, float] = {}
    for run in reversed(runs):  # what a run needs comes before it
        ahead[run] = ahead.get(run, 0.0) + run.seconds
        for needed in run.needs:
            ahead[needed] = max(ahead.get(needed, 0.0), ahead[run])
    return sorted(runs, key=lambda run: -ahead[run])


class _Worker:
    """A process that does one run at a time, and is replaced where it was killed."""

    def __init__(self, log: Path, gpu: str | None):
        """Start nothing yet.

        Args:
            log: where the process speaks.
            gpu: the only one that it sees; None where there is none.
        """
        self._log, self._gpu = log, gpu
        self._executor = self._process()

    def begin(self, run: Run, home: Path) -> "Future[str | None]":
        """Let the process do a run."""
        with _seeing(self._gpu):
            try:
                return self._executor.submit(_do, run, home)
            except BrokenProcessPool:
                self._executor = self._process()
                return self._executor.submit(_do, run, home)

    def end(self) -> None:
        """Wait for the run that is going on, and let the process end."""
        self._executor.shutdown(cancel_futures=True)

    def _process(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, context, _begin, (self._log, os.getpid()))


@contextmanager
def _seeing(gpu: str | None) -> Iterator[None]:
    """Let processes that are started in the block see one GPU alone.

    Once a process has looked for GPUs, as some libraries do when they are imported, it is too late.
    """
    before = os.environ.get(VISIBLE)
    if gpu is not None:
        os.environ[VISIBLE] = gpu
    try:
        yield
    finally:
        if gpu is not None:
            os.environ.pop(VISIBLE)
            os.environ.update({} if before is None else {VISIBLE: before})


def _begin(log: Path, parent: int) -> None:
    """Set up a worker: it ends with its parent, has one thread without a GPU, speaks into a log."""
    end_with_parent(parent)
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    quiet()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)


def _do(run: Run, home: Path) -> str | None:
    """Do a run in a worker; return what went wrong, None where nothing did."""
    try:
        run.do(home)
    except Interrupted:
        raise
    except Exception as error:  # such as a GPU's memory: the other runs need not suffer
        if not isinstance(error, UserError):
            traceback.print_exc()  # into the log
        words = ending_of(error, f"{home / LOG} has the traceback").words
        return words.removeprefix("error: ")
    return None
