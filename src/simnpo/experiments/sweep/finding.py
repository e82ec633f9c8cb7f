"""What a sweep finds: the settings that no other beats, and all of them as a table."""

import math

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.experiments.sweep.figure import FRONT, TRIED, paint_front, placed
from simnpo.experiments.sweep.outcome import Outcome
from simnpo.experiments.sweep.settings import named
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.report.colours import ORIGINAL, RETRAIN
from simnpo.report.finding import Cell, Column, Figure, Finding, Row, Table
from simnpo.report.finding_tables import cell
from simnpo.report.numbers import fixed, p_value, written
from simnpo.report.plain_text import lower_first

CSV, PLOT = "sweep.csv", "pareto"
FAILED, BEATEN = "Failed seeds", "Beaten"


def finding_of(outcome: Outcome, note: str | None = None) -> Finding:
    """Return the settings as a page has them: the front, all of them, and what failed."""
    count, trials, name = len(outcome.settings), outcome.trials, name_of(outcome)
    seeds = f"{len(trials.seeds)} seed{'s' if len(trials.seeds) > 1 else ''}"
    start = f", from `{trials.model}`" if trials.model else ""
    lead = (
        f"{name} with {count} settings{start}, over {seeds} each. A setting is on the front if "
        "no other is at least as good on both axes and better on one."
    )
    picked = ""
    if outcome.pick is not None:
        picked = f"**Picked: {named(outcome.settings[outcome.pick])}.** {rule(outcome)}"
    parts = {
        "front": _front(outcome),
        "settings": Finding((settings_table(outcome),), title="Settings"),
    }
    if outcome.failed:
        failed = tuple(f"**{run.title}:** {why}" for run, why in outcome.failed.items())
        parts["failures"] = Finding(title="Failures", notes=failed)
    return Finding(
        title=f"{name} on {trials.site.name}: {count} settings",
        summary=tuple(filter(None, (lead, note, picked))),
        parts=parts,
    )


def settings_table(outcome: Outcome) -> Table:
    """Return a row per setting, in the order in which they were tried."""
    view, seeds = outcome.view, len(outcome.trials.seeds)
    axes = [
        Column(axis.key, axis.title, axis.title, "p_value" if axis.is_p_value else "fixed")
        for axis in (view.forgotten, view.kept)
    ]
    names = [Column(name, name, name, "plain") for name, _ in outcome.settings[0]]
    means = [[_shown(one, axis) for one in outcome.values(axis.key)] for axis in axes]
    errors, rows = list(outcome.table["error"] != ""), []
    for place, (setting, on_front) in enumerate(zip(outcome.settings, outcome.front, strict=True)):
        said = "Picked" if place == outcome.pick else "Front" if on_front else BEATEN
        also = ", on the front" if said == "Picked" and on_front else ""
        failed = sum(errors[place * seeds : (place + 1) * seeds])
        values = {name: Cell(value, f"{value:g}") for name, value in setting}
        values |= {axis.key: mean[place] for axis, mean in zip(axes, means, strict=True)}
        values[FAILED] = Cell(failed or math.nan, str(failed or ""))
        rows.append(Row(said + also, {}, f"{said} {place:03}", values))
    legend = []
    for one, found in ((ORIGINAL, outcome.original), (RETRAIN, outcome.retrain)):
        texts = [
            f"{lower_first(axis.name)} {written(outcome.reference(found, axis.key), axis.kind)}"
            for axis in axes
        ]
        legend += [f"**{one}**: {', '.join(texts)}."] if found else []
    half = ", ± half the width of their 95 % interval (Student's t); p-values without"
    legend.append(
        f"Means over seeds{half if seeds > 1 else ''}. Every metric of every seed is in `{CSV}`."
    )
    return Table(
        "settings",
        "Settings",
        (*names, *axes, Column(FAILED, FAILED, FAILED)),
        tuple(rows),
        rows_are="Setting",
        legend=tuple(legend),
    )


def _shown(value: Interval, column: Column) -> Cell:
    """Write a mean with its interval; a p-value alone."""
    return cell(value._replace(high=math.nan) if column.kind == "p_value" else value, column)


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


def _front(outcome: Outcome) -> Finding:
    view, title = outcome.view, "The front"
    tried, front = [], {}
    means = (outcome.values(axis.key) for axis in (view.forgotten, view.kept))
    every = zip(outcome.settings, outcome.front, *means, strict=True)
    for setting, on_front, forgot, stayed in every:
        point = placed(forgot.mean, stayed.mean, view.forgotten)
        if point and on_front:
            front[named(setting)] = point
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
