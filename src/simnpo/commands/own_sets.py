"""Options for a user's own sets, the same in every command that takes a benchmark."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from simnpo.commands.options import ColumnOptions, Unset
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.benchmarks.own import OwnSets
    from simnpo.data.own_rows import OwnRow


@dataclass(frozen=True)
class OwnSetOptions:
    """Your own sets, instead of a benchmark."""

    forget: Unset[str] = None
    """Forget set: a file (.jsonl, .json, .csv, .parquet, .txt, ...), a folder, or a hub dataset
    (name:config:split)."""
    retain: Unset[str] = None
    """Retain set, likewise. Not needed by a method whose retain loss is none."""
    holdout: Unset[str] = None
    """Rows like those to forget that no model has seen: they show what an answer looks like that
    was never learnt."""
    also: tuple[str, ...] = ()
    """Further sets to measure, as NAME=FILE."""
    columns: ColumnOptions = field(default_factory=ColumnOptions)

    @property
    def own_files(self) -> tuple[str | None, ...]:
        """The user's files that are measured."""
        return (self.forget, self.retain, self.holdout, *(_file(one) for one in self.also))

    def check_alone(self, others: str | None) -> None:
        """Refuse own sets together with a benchmark, and sets that nothing is compared with.

        Args:
            others: what else is evaluated on, such as `--benchmark tofu`; None if nothing is.

        Raises:
            UserError: naming the options.
        """
        given = [name for name in ("forget", "retain", "holdout", "also") if getattr(self, name)]
        if others and given:
            named = " and ".join(f"--{name}" for name in given)
            raise UserError(f"{others} brings its own sets; leave out {named}.")
        if given and not self.forget:
            raise UserError(f"--{given[0]} needs what to forget: give --forget FILE.")

    def read(self, held_out: int | None = None) -> "OwnSets":
        """Read the sets and check them against each other; warnings go to stderr.

        Args:
            held_out: seed by which rows of the retain set are held out; None holds out none.

        Raises:
            UserError: a set cannot be read or is empty, or see `check_sets` and `check_also`.
        """
        from pathlib import Path

        from simnpo.benchmarks.own import OwnSets, check_also
        from simnpo.data.held_out import hold_out

        assert self.forget
        check_also(_name(one) for one in self.also)
        retain = self.rows(self.retain)
        trained, kept = (
            (retain, ())
            if held_out is None
            else hold_out(retain, held_out, lambda row: row.example)
        )
        return OwnSets(
            self.rows(self.forget),
            trained,
            kept,
            self.rows(self.holdout),
            {_name(one): self.rows(_file(one)) for one in self.also},
            title=Path(self.forget).name,
        )

    def rows(self, source: str | None) -> "tuple[OwnRow, ...]":
        """Read one set; none where there is no source."""
        from simnpo.data.own_rows import load_own_rows

        return load_own_rows(source, **asdict(self.columns)) if source else ()


def _name(also: str) -> str:
    name, equals, file = also.partition("=")
    if not (equals and file):
        raise UserError(f"--also {also}: give a name and a file, as in --also facts=facts.jsonl.")
    return name


def _file(also: str) -> str:
    return also.partition("=")[2]
