"""A reproduction's or an attack's runs, done in the test's own process."""

from collections.abc import Sequence
from pathlib import Path

from simnpo.errors import TrainingDiverged, UserError
from simnpo.experiments.run import Run, unfinished
from simnpo.report.endings import ending_of


def execute_here(
    told: list[str], wanted: Sequence[Run], home: Path, at_once: int
) -> dict[Run, str]:
    """Do runs as a pool does, without the seconds that its processes take to begin."""
    failed: dict[Run, str] = {}
    for run in unfinished(wanted, home):
        told.append(run.title)
        lacking = [one for one in run.needs if one in failed]
        try:
            if lacking:
                raise UserError(f"{lacking[0].title} failed: {failed[lacking[0]]}")
            run.do(home)
        except (UserError, TrainingDiverged) as error:
            failed[run] = ending_of(error).words.removeprefix("error: ")
    return failed
