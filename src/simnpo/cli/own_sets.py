"""Options for a user's own sets, the same in every command that takes a benchmark."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.cli.options import ColumnOptions, Unset, marked
from simnpo.config import MEASURED_ROWS
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.benchmarks.own import OwnSets
    from simnpo.benchmarks.own_files import OwnFiles
    from simnpo.cli.prompt_options import PromptOptions
    from simnpo.data.encoding import Encoder
    from simnpo.experiments.own_setup import OwnSetup
    from simnpo.methods.registry import AnyMethod


@dataclass(frozen=True)
class OwnSetOptions:
    """Your own sets, instead of a benchmark."""

    forget: Unset[str] = None
    """Forget set: .jsonl, .json, .csv, .tsv or .txt (also .gz), .parquet, a folder of .txt files
    or of datasets.save_to_disk (folder:split), or a hub dataset (name:config:split)."""
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

    def check_alone(self, benchmark: str | None, *others: str) -> None:
        """Refuse own sets together with a benchmark, and sets that nothing is compared with.

        Args:
            benchmark: the one that is named, if one is.
            others: fields of what else is evaluated on.

        Raises:
            UserError: naming the options.
        """
        given = [name for name in ("forget", "retain", "holdout", "also") if getattr(self, name)]
        instead = (f"benchmark={benchmark}", *others) if benchmark else others
        if instead and given:
            raise UserError(f"``{instead[0]}`` brings its own sets; leave out {marked(given)}.")
        if given and not self.forget:
            raise UserError(
                f"``{given[0]}`` needs what to forget: give ``forget=FILE``, or a ``benchmark``."
            )

    def check_max_items(self, max_items: int | None) -> None:
        """Refuse a limit below one, or one that limits nothing.

        Raises:
            UserError: naming it.
        """
        if max_items is not None and not (self.forget and max_items > 0):
            raise UserError(f"``max_items`` {max_items}: at least 1, and with ``forget`` alone.")

    def check_kept(self, method: "AnyMethod") -> None:
        """Refuse a method that keeps a retain set where none is given.

        Raises:
            UserError: naming the options.
        """
        if getattr(method, "retain", None) is not None and not self.retain:
            raise UserError(
                f"{method.title} keeps a retain set: give ``retain=FILE``, or ``retain_loss=none``."
            )

    def files(self) -> "OwnFiles":
        """Return the sets as a value that reads them."""
        from simnpo.benchmarks.own_files import Columns, OwnFiles

        assert self.forget
        columns = self.columns
        return OwnFiles(
            self.forget,
            self.retain,
            self.holdout,
            tuple((_name(one), _file(one)) for one in self.also),
            Columns(columns.question_column, columns.answer_column, columns.text_column),
        )

    def setup(
        self, model: str, prompt: "PromptOptions", held_out: int | None, max_items: int | None
    ) -> "OwnSetup":
        """Return the sets as the tokenizer of `model` has them; say which answers are shortened.

        Raises:
            UserError: see `simnpo.benchmarks.own_files.OwnFiles.read` and `warn_of_lengths`.
        """
        from simnpo.experiments.own_setup import OwnSetup

        files = self.files()
        found = OwnSetup(
            "own data",
            Path(files.forget).name,
            files=files,
            model=model,
            template=prompt.settings,
            max_length=prompt.limit(),
            trust_remote_code=prompt.trust_remote_code,
            held_out=held_out,
            max_items=max_items or MEASURED_ROWS,
        )
        warn_of_lengths(found.own_sets(), found.encoder())
        return found

    def read_like_run(self, model: str) -> "OwnSets":
        """Return the sets; the retain set is split as in the run that made `model`.

        Raises:
            UserError: see `simnpo.benchmarks.own_files.OwnFiles.read`.
        """
        return self.files().read(held_out_by(model))


def held_out_by(model: str) -> int | None:
    """Return the seed by which the run that made `model` held out retain rows; None: it did not."""
    from simnpo.cli.prompt_options import run_settings

    settings = run_settings(model)
    seed: int | None = settings["seed"] if settings.get("held_out") else None
    return seed


def warn_of_lengths(sets: "OwnSets", encoder: "Encoder") -> None:
    """Say which answers the length limit shortens.

    Raises:
        UserError: a row cannot be encoded; the message names it.
    """
    from simnpo.experiments.own_texts import lengths_text
    from simnpo.system.notes import note_once

    if line := lengths_text(sets, encoder):
        note_once(line)


def _name(also: str) -> str:
    name, equals, file = also.partition("=")
    if not (equals and file):
        raise UserError(
            f"``also`` {also}: give a name and a file, as in ``also=facts=facts.jsonl``."
        )
    return name


def _file(also: str) -> str:
    return also.partition("=")[2]
