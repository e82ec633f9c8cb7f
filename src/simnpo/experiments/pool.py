"""The scheduler: many runs, several at a time, what is needed first; none is done twice."""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from graphlib import TopologicalSorter
from pathlib import Path

from simnpo.errors import Interrupted
from simnpo.experiments.executor import LOG, Executor
from simnpo.experiments.local_processes import LocalProcesses
from simnpo.experiments.pool_progress import runs_progress
from simnpo.experiments.run import Run, unfinished, unresolved
from simnpo.storage.ownership import claim

KEPT = "finished runs are kept."
"""What a request to end leaves, or a run that fails."""


def execute(
    wanted: Sequence[Run],
    home: Path,
    at_once: int | None = None,
    start: Callable[[Path, int | None, Sequence[Run]], Executor] = LocalProcesses,
    advice: str = "Continue with the same command.",
) -> dict[Run, str]:
    """Do those of `wanted`, and what they need, that `home` does not hold.

    Args:
        wanted: runs.
        home: folder of all runs.
        at_once: runs at a time; None for as many as the executor can do.
        start: makes the executor of `home`, `at_once` and what is to be done.
        advice: how the command goes on after a request to end.

    Returns:
        The runs that failed, or need one that did, with the reason.

    Raises:
        UserError: see `start`.
        Interrupted: Ctrl-C, or another request to end; what is finished is kept.
    """
    failed = unresolved(wanted)
    waiting = list(unfinished([run for run in wanted if run not in failed], home))
    if not waiting:
        return failed
    home.mkdir(parents=True, exist_ok=True)
    if not (home / LOG).exists():  # earlier releases wrote it without a claim
        claim(home / LOG)
    # By value: runs of one key may have different titles, so folders.
    rank = {run: place for place, run in enumerate(_longest_first(waiting))}
    order = TopologicalSorter({run: [one for one in run.needs if one in rank] for run in rank})
    order.prepare()
    ready: list[Run] = []
    running: dict[Future[str | None], Run] = {}
    executor = start(home, at_once, waiting)
    try:
        with runs_progress(waiting) as shown:
            while order.is_active():
                ready = sorted([*ready, *order.get_ready()], key=rank.__getitem__)
                for run in list(ready):
                    lacking = [one for one in run.needs if one in failed]
                    if lacking:
                        failed[run] = f"{lacking[0].title} failed: {failed[lacking[0]]}"
                        shown.ended(run)
                        order.done(run)
                    elif len(running) < executor.slots:
                        running[executor.submit(run, home)] = run
                        shown.began(run)
                    else:
                        continue
                    ready.remove(run)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    run = running.pop(future)
                    if error := _failure(future, executor):
                        failed[run] = error
                    shown.ended(run)
                    order.done(run)
    except (KeyboardInterrupt, Interrupted) as error:
        number = getattr(error, "number", signal.SIGINT)
        executor.interrupt(number)
        raise Interrupted(f"{KEPT} {advice}", number) from None
    finally:
        executor.end()
    return failed


def _failure(future: "Future[str | None]", executor: Executor) -> str | None:
    """Return why a run failed, None where it did not."""
    try:
        return future.result()
    except Interrupted:
        raise
    except Exception as error:
        return executor.reason(error)


def _longest_first(runs: Sequence[Run]) -> list[Run]:
    """Sort runs by how long the work is that hangs on each, its own included."""
    ahead: dict[Run, float] = {}
    for run in reversed(runs):  # what a run needs comes before it
        ahead[run] = ahead.get(run, 0.0) + run.seconds
        for needed in run.needs:
            ahead[needed] = max(ahead.get(needed, 0.0), ahead[run])
    return sorted(runs, key=lambda run: -ahead[run])
