"""A reproduction's or an attack's runs, done in the test's own process."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from simnpo.errors import Interrupted, TrainingDiverged, UserError
from simnpo.experiments.pool import KEPT
from simnpo.experiments.run import Run, unfinished
from simnpo.report.endings import ending_of
from simnpo.storage.code import code_hashes


def change_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let NPO's code be another from now on, as far as keys know."""

    def changed(module: str, registered: frozenset[str] | None = None) -> dict[str, str]:
        return code_hashes(module, registered) | {"simnpo.methods.npo": "another"}

    for place in ("key", "stored_runs"):
        monkeypatch.setattr(f"simnpo.experiments.{place}.code_hashes", changed)


def execute_here(
    told: list[str], wanted: Sequence[Run], home: Path, at_once: int | None = None, advice: str = ""
) -> dict[Run, str]:
    """Do runs as a pool does, without the seconds that its processes take to begin."""
    failed: dict[Run, str] = {}
    for run in unfinished(wanted, home):
        told.append(run.title)
        lacking = [one for one in run.needs if one in failed]
        try:
            if lacking:
                raise UserError(f"{lacking[0].title} failed: {failed[lacking[0]]}")
            run.ensure(home)
        except KeyboardInterrupt:
            raise Interrupted(f"{KEPT} {advice}") from None
        except (UserError, TrainingDiverged) as error:
            failed[run] = ending_of(error).words.removeprefix("error: ")
    return failed
