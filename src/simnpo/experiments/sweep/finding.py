"""What a sweep finds: the settings that no other beats, and all of them as a table."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.evaluation.suites.display import Axis
from simnpo.experiments.sweep.figure import FRONT, TRIED, paint_front, placed
from simnpo.experiments.sweep.outcome import Outcome
from simnpo.experiments.sweep.settings import Setting, named
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.report.colours import ORIGINAL, RETRAIN
from simnpo.report.finding import Cell, Column, Figure, Finding, Table
from simnpo.report.finding import Row as TableRow
from simnpo.report.numbers import fixed, p_value, with_interval
from simnpo.report.plain_text import lower_first

CSV, PLOT, _FAILED = "sweep.csv", "pareto", "Failed seeds"


class Row(NamedTuple):
    """A setting as the tables have it."""

    setting: Setting
    forgotten: Interval
    kept: Interval
    on_front: bool
    is_picked: bool
    failed: int
    """Seeds whose run failed."""


def rows(outcome: Outcome) -> list[Row]:
    """Return a row per setting, in the order in which they were tried."""
    view, seeds = outcome.view, len(outcome.trials.seeds)
    errors = list(outcome.table["error"] != "")
    columns = zip(
        outcome.settings,
        outcome.values(view.forgotten.key),
        outcome.values(view.kept.key),
        outcome.front,
        strict=True,
    )
    return [
        Row(
            setting,
            forgotten,
            kept,
            bool(on_front),
            place == outcome.pick,
            sum(errors[place * seeds : (place + 1) * seeds]),
        )
        for place, (setting, forgotten, kept, on_front) in enumerate(columns)
    ]


def shown(axis: Axis, value: Interval) -> str:
    """Write a mean with its interval; a p-value as one."""
    return p_value(value.mean) if axis.is_p_value else with_interval(value)


def finding_of(outcome: Outcome, note: str | None = None) -> Finding:
    """Return the settings as a page has them: the front, all of them, and what failed."""
    made, trials, name = rows(outcome), outcome.trials, name_of(outcome)
    seeds = f"{len(trials.seeds)} seed{'s' if len(trials.seeds) > 1 else ''}"
    start = f", from `{trials.model}`" if trials.model else ""
    lead = (
        f"{name} with {len(made)} settings{start}, over {seeds} each. A setting is on the front if "
        "no other is at least as good on both axes and better on one."
    )
    picked = ""
    if outcome.pick is not None:
        picked = f"**Picked: {named(outcome.settings[outcome.pick])}.** {rule(outcome)}"
    parts = {
        "front": _front(outcome, made),
        "settings": Finding((_settings(outcome, made),), title="Settings"),
    }
    if outcome.failed:
        failed = tuple(f"**{run.title}:** {why}" for run, why in outcome.failed.items())
        parts["failures"] = Finding(title="Failures", notes=failed)
    return Finding(
        title=f"{name} on {trials.site.name}: {len(made)} settings",
        summary=tuple(filter(None, (lead, note, picked))),
        parts=parts,
    )


def _settings(outcome: Outcome, made: Sequence[Row]) -> Table:
    axes = (outcome.view.forgotten, outcome.view.kept)
    names = [name for name, _ in made[0].setting]
    legend = []
    for one, found in ((ORIGINAL, outcome.original), (RETRAIN, outcome.retrain)):
        values = [
            f"{lower_first(axis.title)} {shown(axis, _alone(outcome.reference(found, axis.key)))}"
            for axis in axes
        ]
        legend += [f"**{one}**: {', '.join(values)}."] if found else []
    several = len(outcome.trials.seeds) > 1
    half = ", ± half the width of their 95 % interval (Student's t); p-values without"
    legend.append(
        f"Means over seeds{half if several else ''}. Every metric of every seed is in `{CSV}`."
    )
    columns = (
        *(Column(name, name, name) for name in names),
        *(
            Column(axis.key, axis.title, axis.title, "p_value" if axis.is_p_value else "fixed")
            for axis in axes
        ),
        Column(_FAILED, _FAILED, _FAILED),
    )
    every = tuple(_row(outcome, row, place) for place, row in enumerate(made, start=1))
    return Table("settings", "Settings", columns, every, rows_are="Setting", legend=tuple(legend))


def _row(outcome: Outcome, row: Row, place: int) -> TableRow:
    view = outcome.view
    said = "Picked" if row.is_picked else "Front" if row.on_front else "Beaten"
    values: dict[str, Interval | Cell] = {
        name: Cell(value, f"{value:g}") for name, value in row.setting
    }
    for axis, value in ((view.forgotten, row.forgotten), (view.kept, row.kept)):
        values[axis.key] = _alone(value.mean) if axis.is_p_value else value
    values[_FAILED] = Cell(row.failed or math.nan, str(row.failed or ""))
    name = f"{said}, on the front" if row.is_picked and row.on_front else said
    return TableRow(name, values, f"{said} {place:03}")


def _alone(value: float) -> Interval:
    """Return a value that has no interval."""
    return Interval(value, math.nan, math.nan, 1)


def rule(outcome: Outcome) -> str:
    """Say how the picked setting is chosen."""
    view = outcome.view
    best = "is nearest to 0" if view.forgotten.aims_at_zero else "is highest"
    return (
        f"Of the settings whose {view.kept.title} is at least {view.keep:.0%} of Original's, the "
        f"one whose {view.forgotten.title} {best}; where none keeps that much, the one that "
        "keeps most."
    )


def name_of(outcome: Outcome) -> str:
    """Return the method's name."""
    trials = outcome.trials
    run: UnlearnRun = trials.unlearned(outcome.settings[0], trials.seeds[0])
    return run.name


def _front(outcome: Outcome, made: Sequence[Row]) -> Finding:
    view, title = outcome.view, "The front"
    tried, front = [], {}
    for row in made:
        point = placed(row.forgotten.mean, row.kept.mean, view.forgotten)
        if point and row.on_front:
            front[named(row.setting)] = point
        elif point:
            tried.append(point)
    if not front:
        return Finding(
            title=title,
            summary=(
                f"No setting has both {lower_first(view.forgotten.title)} and "
                f"{lower_first(view.kept.title)}, so there is no front.",
            ),
        )
    references = {}
    for name, found in ((ORIGINAL, outcome.original), (RETRAIN, outcome.retrain)):
        forgotten = outcome.reference(found, view.forgotten.key)
        kept = outcome.reference(found, view.kept.key)
        if point := placed(forgotten, kept, view.forgotten):
            references[name] = point
    say = (lambda y: p_value(10**y)) if view.forgotten.is_p_value else fixed
    summary = "; ".join(f"{name}: {say(y)}, {fixed(x)}" for name, (x, y) in front.items())
    drawn = "; the logarithm of the mean p-value is drawn" if view.forgotten.is_p_value else ""
    figure = Figure(
        PLOT,
        (7.6, 5.0),
        "Means over seeds. Settings on the front are joined and named, the others are small"
        f"{drawn}.",
        f"{view.forgotten.title} and {view.kept.title} of every setting; those that no other "
        f"beats are joined. {summary}.",
        (ORIGINAL, RETRAIN, TRIED, FRONT),
        lambda figure, looks: paint_front(
            figure, tried, front, references, looks, view.kept, view.forgotten
        ),
    )
    return Finding(figures=(figure,), title=title)
