"""What a reproduction would do: every run with its settings and data resolved, none carried out."""

from collections.abc import Sequence
from pathlib import Path

from simnpo.experiments.run import Run, unresolved, with_needs
from simnpo.experiments.stored_runs import StoredRuns

SHOWN = 10
"""Characters of a key that are shown, as in the names of the runs' folders."""


def describe(runs: Sequence[Run], home: Path, explains: bool = False) -> list[str]:
    """Return a line for each of `runs` and for each that they need, in an order to do them in.

    A line tells whether the run is finished, the beginning of its key, and its title. The key is a
    hash of data and settings, so that whoever has one has resolved both; where that fails, the line
    says why, and the runs that need this one are not tried.

    Args:
        runs: what is asked for.
        home: folder of all runs; nothing is written there.
        explains: whether to say of a run that is to be done why no stored result is used again.
    """
    failed, stored = unresolved(runs), StoredRuns(home)
    lines = []
    for run in with_needs(runs):
        if run in failed:
            lines.append(f"{'fails':<8}  {'-' * SHOWN}  {run.title}: {failed[run]}")
        else:
            state = "finished" if run.finished(home) else "to do"
            why = f": {stored.reason(run)}" if explains and state == "to do" else ""
            lines.append(f"{state:<8}  {run.key[:SHOWN]}  {run.title}{why}")
    return lines
