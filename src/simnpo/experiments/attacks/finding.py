"""What an attack finds: what returned, in words, as curves and in tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from simnpo.evaluation.suites.display import Column, SuiteDisplay
from simnpo.experiments.attacks.outcomes import Ending, Outcome, by_metric, in_words, with_range
from simnpo.report.colours import is_retrain
from simnpo.report.curves import Steps, headline_part, metrics_part, shown_columns
from simnpo.report.finding import Cell, Finding, Row, Table
from simnpo.report.finding import Column as TableColumn
from simnpo.report.numbers import written
from simnpo.report.plain_text import lower_first, upper_first
from simnpo.storage.runs import versions

_ALONE = (
    "Without Retrain under the same attack (`--retrain`) nobody can say how much returned and how "
    "much the attack would teach a model that never knew it."
)
HEADLINE, METRICS = "headline", "metrics"
"""Figures; of several series, each has its own `METRICS`."""


@dataclass(frozen=True)
class Attacked:
    """What was done, and what came of it."""

    title: str
    lead: str
    """What was done, in a sentence or two."""
    notes: tuple[str, ...]
    """How it was done, and what else a reader must know."""
    facts: dict[str, str]
    """What stands at the page's head."""
    curve: pd.DataFrame
    """See `simnpo.report.curves.COLUMNS`."""
    endings: tuple[Ending, ...]
    steps: Steps
    view: SuiteDisplay

    @property
    def columns(self) -> list[Column]:
        """The metrics that have a value."""
        return shown_columns(self.view, self.curve)


def finding_of(attacked: Attacked, found: Sequence[Outcome]) -> Finding:
    """Return what an attack brought back, as a page shows it: in words, curves and tables."""
    columns, sentences = attacked.columns, in_words(found, attacked.view)
    curve, view = attacked.curve, attacked.view
    models = [str(name) for name in curve["model"].unique()]
    compared, several = any(map(is_retrain, models)), curve["seed"].nunique() > 1
    heads = [sentence.partition(":") for sentence in sentences]
    neither = f"Neither {lower_first(view.forgotten.title)} nor {lower_first(view.kept.title)}"
    missing = [c.name for c in view.columns if c.printed and c not in columns]
    unmeasured = (f"Not measured: {', '.join(missing)}.",) if missing else ()
    used = ", ".join(f"{package} {version}" for package, version in versions().items())
    more = "."
    if several:
        geometric = " (of p-values geometric ones)" if view.forgotten.is_p_value else ""
        more += (
            f" Lines: means over the seeds{geometric}; bands: from the lowest to the highest seed."
        )
    if compared:
        more += " Dashed: Retrain under the same attack."
    parts = {
        "outcome": Finding(
            title="What returns",
            summary=() if compared else (_ALONE,),
            notes=tuple(f"**{head}**{colon}{rest}" for head, colon, rest in heads)
            or (f"{neither} was measured.",),
        ),
        "curves": headline_part("Curves", HEADLINE, curve, view, attacked.steps, more),
        "tables": Finding(
            title="Before and after",
            summary=_reading(compared, several),
            tables=tuple(
                _before_and_after(one.title, models, columns, by_metric(found, one.title))
                for one in attacked.endings
            ),
        ),
        "metrics": metrics_part(METRICS, curve, columns, attacked.steps),
        "notes": Finding(title="Notes", notes=(*attacked.notes, *unmeasured, f"Versions: {used}.")),
    }
    return Finding(
        title=attacked.title, summary=(attacked.lead,), facts=attacked.facts, parts=parts
    )


def _reading(compared: bool, several: bool) -> tuple[str, ...]:
    """Say how the tables are read."""
    sentences = []
    if several:
        sentences.append(
            "After: the mean over the seeds, in brackets the lowest and the highest; point at a "
            "value beyond Retrain's for its own."
        )
    if compared:
        by_seed = ", seed by seed" if several else ""
        sentences.append(
            "Beyond Retrain: the model's change less Retrain's under the same attack"
            f"{by_seed}; p-values compare with Retrain already."
        )
    return (" ".join(sentences),) if sentences else ()


def _before_and_after(
    title: str,
    models: Sequence[str],
    columns: Sequence[Column],
    outcome: Mapping[str, Mapping[str, Outcome]],
) -> Table:
    """Return an attack's table: a row per metric, two or three columns per model."""
    compared = any(map(is_retrain, models))
    heads = [
        TableColumn(f"{model} {what}", what, what, group=model)
        for model in models
        for what in ("before", "after", "beyond Retrain")
        if what != "beyond Retrain" or (compared and not is_retrain(model))
    ]
    rows = []
    for column in columns:
        cells: dict[str, Cell] = {}
        for model, (*_, before, after, _, _, beyond) in outcome[column.key].items():
            full, mean = with_range(beyond, column.kind), written(beyond.mean, column.kind)
            cells[f"{model} before"] = Cell(before, written(before, column.kind))
            cells[f"{model} after"] = Cell(after.mean, with_range(after, column.kind))
            cells[f"{model} beyond Retrain"] = Cell(beyond.mean, mean, full=full)
        rows.append(Row(column.name, {}, written=cells))
    return Table(
        title,
        upper_first(title),
        tuple(heads),
        tuple(rows),
        rows_are="Metric",
        sortable=False,
        legend=(),
    )
