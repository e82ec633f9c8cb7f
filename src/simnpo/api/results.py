"""What the Python functions return: a run's folder, and an evaluation."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from simnpo.evaluation.evaluation import EVALUATION, SUMMARY, Evaluation, read_evaluation
from simnpo.models import MODEL_FOLDER
from simnpo.storage.files import read_json
from simnpo.storage.runs import RUN

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measured(Mapping[str, float]):
    """An evaluation: a mapping from the names of metrics to their values.

    It prints as the command's table and shows as one in a notebook.
    """

    name: str
    """What tables call the model."""
    verdict: str | None
    """On your own data, whether the model has forgotten, in a sentence."""
    counts: Mapping[str, tuple[int, int]]
    """Metrics that count, as `(2, 30)`."""
    notes: Sequence[str]
    """What is missing, and why."""
    scores: "pd.DataFrame" = field(repr=False)
    """A row for each answer that was scored."""
    generations: "pd.DataFrame" = field(repr=False)
    """A row for each question, with the model's answer."""
    _evaluation: Evaluation = field(repr=False)

    @classmethod
    def read(cls, folder: str | PathLike[str]) -> "Measured":
        """Return the evaluation in a folder, or in a run's.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        found = read_evaluation(Path(folder))
        verdict = found.summary.get("verdict")
        return cls(
            found.name,
            f"{verdict['sentence']}." if verdict else None,
            {name: (one, of) for name, (one, of) in (found.summary.get("counts") or {}).items()},
            found.summary["notes"],
            found.tables.scores,
            found.tables.generations,
            found,
        )

    def __getitem__(self, name: str) -> float:
        value = self._evaluation.summary["metrics"][name]
        return float("nan") if value is None else float(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._evaluation.summary["metrics"])

    def __len__(self) -> int:
        return len(self._evaluation.summary["metrics"])

    def __str__(self) -> str:
        return "\n\n".join(part for part in (self.verdict, as_table([self])) if part)

    def _repr_html_(self) -> str:
        summary = f"<p><b>{escape(self.verdict)}</b></p>" if self.verdict else ""
        return summary + as_frame([self]).to_html(na_rep="–", float_format="{:.3g}".format)


@dataclass(frozen=True)
class Run:
    """A finished run. It stands for its model wherever a function takes one."""

    folder: Path

    @property
    def model(self) -> Path:
        """The model's folder, for transformers' `from_pretrained`."""
        return self.folder / MODEL_FOLDER

    @property
    def record(self) -> Mapping[str, object]:
        """What `run.json` says: settings, data, versions, time and memory."""
        found: Mapping[str, object] = read_json(self.folder / RUN)
        return found

    @property
    def evaluation(self) -> Measured | None:
        """What the run itself has measured, if it has."""
        there = (self.folder / EVALUATION / SUMMARY).is_file()
        return Measured.read(self.folder / EVALUATION) if there else None

    @property
    def verdict(self) -> str | None:
        """Whether the model has forgotten, in a sentence, where the run has measured it."""
        found = self.evaluation
        return found.verdict if found else None

    def __fspath__(self) -> str:
        return str(self.folder)

    def __str__(self) -> str:
        found = self.evaluation
        return "\n\n".join(part for part in (found and str(found), f"Run: {self.folder}") if part)

    def _repr_html_(self) -> str:
        found = self.evaluation
        return (found._repr_html_() if found else "") + f"<p>Run: {escape(str(self.folder))}</p>"


@dataclass(frozen=True)
class Comparison:
    """Evaluations side by side: prints as the command's table, shows as one in a notebook."""

    models: Sequence[Measured]

    @property
    def frame(self) -> "pd.DataFrame":
        """A row for each model, a column for each metric; NaN where there is none."""
        return as_frame(self.models)

    def __str__(self) -> str:
        return as_table(self.models)

    def _repr_html_(self) -> str:
        found: str = self.frame.to_html(na_rep="–", float_format="{:.3g}".format)
        return found


def as_frame(measured: Sequence[Measured]) -> "pd.DataFrame":
    """Return a row for each model and a column for each metric of a comparison."""
    from simnpo.report.table import comparison

    return comparison([one._evaluation for one in measured])


def as_table(measured: Sequence[Measured]) -> str:
    """Return the comparison as text."""
    from rich.console import Console

    from simnpo.report.table import print_table

    room = io.StringIO()
    print_table([one._evaluation for one in measured], Console(file=room, width=88))
    return room.getvalue().rstrip()
