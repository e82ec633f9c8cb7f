"""A sweep as a table, a file of numbers, a plot and a page."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from simnpo.experiments.sweep.finding import CSV, PLOT, finding_of, name_of, rows, rule, shown
from simnpo.experiments.sweep.outcome import Outcome
from simnpo.report.drawing import KINDS
from simnpo.report.finding_page import write_finding
from simnpo.report.rendering import REPORT
from simnpo.report.spreadsheets import no_formula
from simnpo.storage.files import write_text
from simnpo.system.terminal import visible

FILES = (REPORT, CSV, *(f"plots/{PLOT}.{kind}" for kind in KINDS))
"""What `write_sweep` writes."""


def write_sweep(outcome: Outcome, out: Path, command: str, note: str | None = None) -> Path:
    """Write `sweep.csv`, the plot under `plots/`, and the page; return the page's path.

    Args:
        outcome: the finished runs.
        out: where to write.
        command: the command that made them.
        note: what the page says about the results.
    """
    write_text(out / CSV, outcome.table.map(no_formula).to_csv(index=False))
    return write_finding(finding_of(outcome, note), out, command)


def print_sweep(outcome: Outcome) -> None:
    """Print the table; `front` marks the settings that no other beats."""
    view = outcome.view
    title = Text(visible(f"{name_of(outcome)} on {outcome.trials.site.name}"), "table.title")
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
