"""What an attack finds: what returned, in words, as curves and in tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from simnpo.evaluation.suites.display import Column, SuiteDisplay
from simnpo.experiments.attacks.outcomes import Ending, Outcome, by_metric, in_words, with_range
from simnpo.report.colours import is_retrain
from simnpo.report.curves import (
    Panel,
    Steps,
    curves_figure,
    every_metric,
    headline,
    shown_columns,
)
from simnpo.report.finding import Cell, Figure, Finding, Row, Table
from simnpo.report.finding import Column as TableColumn
from simnpo.report.numbers import written
from simnpo.report.plain_text import lower_first, upper_first
from simnpo.storage.runs import versions

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
    """Return what came back as a page has it: in words, as curves and in tables."""
    columns, sentences = attacked.columns, in_words(found, attacked.view)
    curve, view, endings = attacked.curve, attacked.view, attacked.endings
    models = [str(name) for name in curve["model"].unique()]
    compared, several = any(map(is_retrain, models)), curve["seed"].nunique() > 1
    neither = f"either {lower_first(view.forgotten.title)} nor {lower_first(view.kept.title)}"
    said = [f"**{head}**{colon}{rest}" for head, colon, rest in map(_at_colon, sentences)]
    heads = headline(view, curve)
    missing = [c.name for c in view.columns if c.printed and c not in columns]
    notes = [*attacked.notes, *([f"Not measured: {', '.join(missing)}."] if missing else [])]
    used = ", ".join(f"{package} {version}" for package, version in versions().items())
    return Finding(
        title=attacked.title,
        summary=(attacked.lead,),
        facts=attacked.facts,
        parts={
            "outcome": Finding(
                title="What returns",
                summary=() if compared else (_ALONE,),
                notes=tuple(said) or (f"N{neither} was measured.",),
            ),
            "curves": Finding(
                title="Curves",
                summary=() if heads else ("Neither was measured.",),
                figures=(_headline(attacked, heads, compared, several),) if heads else (),
            ),
            "tables": Finding(
                title="Before and after",
                summary=_reading(compared, several),
                tables=tuple(
                    _before_and_after(place, ending.title, models, columns, found)
                    for place, ending in enumerate(endings)
                ),
            ),
            "metrics": Finding(
                title="Every metric",
                figures=tuple(
                    _every_metric(attacked, columns, str(one)) for one in curve["series"].unique()
                ),
            ),
            "notes": Finding(title="Notes", notes=(*notes, f"Versions: {used}.")),
        },
    )


_ALONE = (
    "Without Retrain under the same attack (`--retrain`) nobody can say how much returned and how "
    "much the attack would teach a model that never knew it."
)


def _at_colon(sentence: str) -> tuple[str, str, str]:
    return sentence.partition(":")


def _headline(attacked: Attacked, panels: Sequence[Panel], compared: bool, several: bool) -> Figure:
    forgotten, kept = attacked.view.forgotten, attacked.view.kept
    caption = f"{forgotten.title} and {lower_first(kept.title)}."
    if several:
        geometric = " (of p-values geometric ones)" if forgotten.is_p_value else ""
        caption += f" Lines: means over the seeds{geometric}; bands: from the lowest to the highest"
        caption += " seed."
    caption += " Dashed: Retrain under the same attack." if compared else ""
    across = min(2, len(panels))
    return curves_figure(HEADLINE, attacked.curve, panels, attacked.steps, caption, across)


def _every_metric(attacked: Attacked, columns: Sequence[Column], series: str) -> Figure:
    return curves_figure(
        f"{METRICS}-{series}" if series else METRICS,
        attacked.curve,
        every_metric(columns, series),
        attacked.steps,
        "The rows of the table." if series else "The rows of the table above.",
        across=4,
        title=upper_first(series),
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
    place: int,
    title: str,
    models: Sequence[str],
    columns: Sequence[Column],
    found: Sequence[Outcome],
) -> Table:
    """Return an attack's table: a row per metric, two or three columns per model."""
    outcome, compared = by_metric(found, title), any(map(is_retrain, models))
    heads = [
        TableColumn(f"{model} {what}", what, what, group=model)
        for model in models
        for what in ("before", "after", "beyond Retrain")
        if what != "beyond Retrain" or (compared and not is_retrain(model))
    ]

    def values(column: Column) -> dict[str, Cell]:
        cells = {}
        for model, one in outcome[column.key].items():
            after, beyond = one.after, one.beyond_retrain
            cells[f"{model} before"] = Cell(one.before, written(one.before, column.kind))
            cells[f"{model} after"] = Cell(after.mean, with_range(after, column.kind))
            cells[f"{model} beyond Retrain"] = Cell(
                beyond.mean,
                written(beyond.mean, column.kind),
                full=with_range(beyond, column.kind),
            )
        return cells

    return Table(
        f"attack-{place}",
        upper_first(title),
        tuple(heads),
        tuple(Row(column.name, values(column)) for column in columns),
        rows_are="Metric",
        sortable=False,
        legend=(),
    )
