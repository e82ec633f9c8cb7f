"""Many runs, several at a time, each in a process of its own; none is done twice."""

import multiprocessing
import os
import traceback
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from simnpo.errors import Interrupted, UserError
from simnpo.models import quiet
from simnpo.reproduce.progress import runs_progress
from simnpo.reproduce.run import Run, unfinished, unresolved

LOG = "workers.log"
"""What the processes say, errors above all."""


def workers() -> int:
    """Return how many runs this machine does at a time: one for each GPU, or for each core."""
    if torch.cuda.is_available():
        return torch.cuda.device_count()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def carry_out(wanted: Sequence[Run], home: Path, at_once: int) -> dict[Run, str]:
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
        UserError: a process died.
    """
    failed = unresolved(wanted)
    resolved = [run for run in wanted if run not in failed]
    waiting = _longest_first(list(unfinished(resolved, home)))
    if not waiting:
        return failed
    home.mkdir(parents=True, exist_ok=True)
    running: dict[Future[str | None], Run] = {}
    context = multiprocessing.get_context("spawn")
    devices: Any = context.Queue()
    for number in range(at_once):
        devices.put(number)
    pool = ProcessPoolExecutor(at_once, context, _begin, (devices, home / LOG))
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
                    elif len(running) < at_once and not any(one in left for one in run.needs):
                        waiting.remove(run)
                        running[pool.submit(_do, run, home)] = run
                        shown.began(run)
                if not running:
                    continue
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    run = running.pop(future)
                    if error := future.result():
                        failed[run] = error
                    left.discard(run)
                    shown.ended(run)
    except BrokenProcessPool:
        raise UserError(
            "a process that did a run ended by itself, most likely for want of memory; "
            f"{home / LOG} may say more. Finished runs are kept: give the same command again."
        ) from None
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted("finished runs are kept; give the same command again to go on.") from None
    finally:
        pool.shutdown(cancel_futures=True)
    return failed


def _longest_first(runs: Sequence[Run]) -> list[Run]:
    """Sort runs by how long the work is that hangs on each, its own included."""
    ahead: dict[Run, float] = {}
    for run in reversed(runs):  # what a run needs comes before it
        ahead[run] = ahead.get(run, 0.0) + run.seconds
        for needed in run.needs:
            ahead[needed] = max(ahead.get(needed, 0.0), ahead[run])
    return sorted(runs, key=lambda run: -ahead[run])


def _begin(devices: Any, log: Path) -> None:
    """Set up a worker: its GPU or its one thread, and where it speaks."""
    number = devices.get()
    if torch.cuda.is_available():
        torch.cuda.set_device(number)
    else:
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
    except UserError as error:
        return str(error)
    except Exception as error:  # such as a GPU's memory: the other runs need not suffer
        traceback.print_exc()
        return f"{type(error).__name__}: {error} ({home / LOG} has the whole of it)"
    return None
