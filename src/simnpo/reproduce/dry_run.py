"""What a reproduction would do: every run with its settings and data resolved, none carried out."""

from collections.abc import Sequence
from pathlib import Path

from simnpo.errors import UserError
from simnpo.reproduce.run import Run, with_needs

SHOWN = 10
"""Characters of a key that are shown, as in the names of the runs' folders."""


def describe(runs: Sequence[Run], home: Path) -> list[str]:
    """Return a line for each of `runs` and for each that they need, in an order to do them in.

    A line tells whether the run is finished, the beginning of its key, and its title. The key is a
    hash of data and settings, so that whoever has one has resolved both; where that fails, the line
    says why, and the runs that need this one are not tried.

    Args:
        runs: what is asked for.
        home: folder of all runs; nothing is written there.
    """
    failed: dict[Run, str] = {}
    lines = []
    for run in with_needs(runs):
        lacking = [one.title for one in run.needs if one in failed]
        try:
            if lacking:
                raise UserError(f"needs {lacking[0]}, which fails.")
            state = "finished" if run.finished(home) else "to do"
            lines.append(f"{state:<8}  {run.key[:SHOWN]}  {run.title}")
        except UserError as error:
            failed[run] = str(error)
            lines.append(f"{'fails':<8}  {'-' * SHOWN}  {run.title}: {error}")
    return lines
