"""Where a user's own sets lie, and how they are read."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from simnpo.benchmarks.own import OwnSets, check_also
from simnpo.data.checks import check_sets
from simnpo.data.held_out import hold_out
from simnpo.data.own_rows import OwnRow, load_own_rows
from simnpo.system.notes import note_once


@dataclass(frozen=True)
class Columns:
    """Names of a file's columns."""

    question_column: str = "question"
    answer_column: str = "answer"
    text_column: str = "text"


@dataclass(frozen=True)
class OwnFiles:
    """Files, folders or hub datasets, see `simnpo.data.rows.read_rows`."""

    forget: str
    retain: str | None = None
    holdout: str | None = None
    also: tuple[tuple[str, str], ...] = ()
    """Name and file of each further set."""
    columns: Columns = field(default_factory=Columns)

    def read(self, held_out: int | None = None) -> OwnSets:
        """Read the sets and check them against each other; warnings go to stderr.

        Args:
            held_out: seed by which rows of the retain set are held out; None holds out none.

        Raises:
            UserError: a set cannot be read or is empty, or see `check_also` and
                `simnpo.data.checks.check_sets`.
        """
        check_also(name for name, _ in self.also)
        forget, retain, holdout = map(self._rows, (self.forget, self.retain, self.holdout))
        also = {name: self._rows(file) for name, file in self.also}
        for warning in check_sets(forget, retain, holdout, also):
            note_once(f"Warning: {warning}")
        trained, kept = (
            (retain, ())
            if held_out is None
            else hold_out(retain, held_out, lambda row: row.example)
        )
        return OwnSets(
            forget,
            trained,
            kept,
            holdout,
            also,
            title=Path(self.forget).name,
        )

    def _rows(self, source: str | None) -> tuple[OwnRow, ...]:
        return load_own_rows(source, **asdict(self.columns)) if source else ()
