"""A sweep as a table, a file of numbers, a plot and a page."""

from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from simnpo.evaluation.metrics.intervals import Interval
from simnpo.evaluation.suites.display import Axis
from simnpo.experiments.sweep.figure import FRONT, TRIED, paint_front, placed
from simnpo.experiments.sweep.outcome import Outcome
from simnpo.experiments.sweep.settings import Setting, named
from simnpo.experiments.unlearn_run import UnlearnRun
from simnpo.report.colours import ORIGINAL, RETRAIN, Style, styles
from simnpo.report.drawing import KINDS, Plot, draw
from simnpo.report.numbers import fixed, p_value, with_interval
from simnpo.report.rendering import REPORT, write_page
from simnpo.report.spreadsheets import no_formula
from simnpo.storage.files import write_text
from simnpo.system.terminal import visible

CSV, PLOT = "sweep.csv", "pareto"
FILES = (REPORT, CSV, *(f"plots/{PLOT}.{kind}" for kind in KINDS))
"""What `write_sweep` writes."""


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


def write_sweep(outcome: Outcome, out: Path, command: str, note: str | None = None) -> Path:
    """Write `sweep.csv`, the plot under `plots/`, and the page; return the page's path.

    Args:
        outcome: the finished runs.
        out: where to write.
        command: the command that made them.
        note: what the page says about the results.
    """
    write_text(out / CSV, outcome.table.map(no_formula).to_csv(index=False))
    made, view = rows(outcome), outcome.view
    chosen = styles([ORIGINAL, RETRAIN, TRIED, FRONT])
    name, trials = _name(outcome), outcome.trials
    plot = _draw(outcome, made, out / "plots", chosen)
    return write_page(
        out,
        "sweep.html",
        chosen,
        title=f"{name} on {trials.site.name}: {len(made)} settings",
        command=command,
        note=note,
        name=name,
        seeds=trials.seeds,
        model=trials.model,
        rows=made,
        view=view,
        shown=shown,
        references={
            one: [
                shown(axis, Interval(outcome.reference(found, axis.key), *_NO_INTERVAL))
                for axis in (view.forgotten, view.kept)
            ]
            for one, found in ((ORIGINAL, outcome.original), (RETRAIN, outcome.retrain))
            if found
        },
        picked=named(outcome.settings[outcome.pick]) if outcome.pick is not None else None,
        rule=rule(outcome),
        failures=[(run.title, why) for run, why in outcome.failed.items()],
        plots={PLOT: plot} if plot else {},
    )


_NO_INTERVAL = (float("nan"), float("nan"), 1)


def rule(outcome: Outcome) -> str:
    """Say how the picked setting is chosen."""
    view = outcome.view
    best = "is nearest to 0" if view.forgotten.aims_at_zero else "is highest"
    return (
        f"Of the settings whose {view.kept.title} is at least {view.keep:.0%} of Original's, the "
        f"one whose {view.forgotten.title} {best}; where none keeps that much, the one that "
        "keeps most."
    )


def print_sweep(outcome: Outcome) -> None:
    """Print the table; `front` marks the settings that no other beats."""
    view = outcome.view
    title = Text(visible(f"{_name(outcome)} on {outcome.trials.site.name}"), "table.title")
    table = Table(title=title, title_justify="left")
    for name, _ in outcome.settings[0]:
        table.add_column(name, justify="right")
    for axis in (view.forgotten, view.kept):
        table.add_column(Text(visible(axis.title)), justify="right")
    table.add_column("")
    for row in rows(outcome):
        marks = [
            name for name, there in (("front", row.on_front), ("picked", row.is_picked)) if there
        ]
        if row.failed:
            marks.append(f"{row.failed} failed")
        table.add_row(
            *(f"{value:g}" for _, value in row.setting),
            shown(view.forgotten, row.forgotten),
            shown(view.kept, row.kept),
            ", ".join(marks),
        )
    console = Console()
    console.print(table)
    console.print(visible(f"picked: {rule(outcome)}"), style="dim", markup=False, highlight=False)


def _name(outcome: Outcome) -> str:
    trials = outcome.trials
    run: UnlearnRun = trials.unlearned(outcome.settings[0], trials.seeds[0])
    return run.name


def _draw(outcome: Outcome, made: list[Row], folder: Path, chosen: dict[str, Style]) -> Plot | None:
    view = outcome.view
    tried, front = [], {}
    for row in made:
        point = placed(row.forgotten.mean, row.kept.mean, view.forgotten)
        if point and row.on_front:
            front[named(row.setting)] = point
        elif point:
            tried.append(point)
    if not front:
        return None
    references = {}
    for name, found in ((ORIGINAL, outcome.original), (RETRAIN, outcome.retrain)):
        forgotten = outcome.reference(found, view.forgotten.key)
        kept = outcome.reference(found, view.kept.key)
        if point := placed(forgotten, kept, view.forgotten):
            references[name] = point
    say = (lambda y: p_value(10**y)) if view.forgotten.is_p_value else fixed
    summary = "; ".join(f"{name}: {say(y)}, {fixed(x)}" for name, (x, y) in front.items())
    return draw(
        folder,
        PLOT,
        (7.6, 5.0),
        f"{view.forgotten.title} and {view.kept.title} of every setting; those that no other "
        f"beats are joined. {summary}.",
        chosen,
        lambda figure: paint_front(
            figure, tried, front, references, chosen, view.kept, view.forgotten
        ),
    )
