"""A sweep as a table, a file of numbers, a plot and a page."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from simnpo.experiments.sweep.finding import (
    BEATEN,
    CSV,
    PLOT,
    finding_of,
    name_of,
    rule,
    settings_table,
)
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
    """Print the table, with what the page says of each setting that is not beaten."""
    title = Text(visible(f"{name_of(outcome)} on {outcome.trials.site.name}"), "table.title")
    table, found = Table(title=title, title_justify="left"), settings_table(outcome)
    for column in found.columns[:-1]:
        table.add_column(Text(visible(column.short)), justify="right")
    table.add_column("")
    for row in found.rows:
        *shown, failed = (row.written[column.key] for column in found.columns)
        said = [] if row.name == BEATEN else [row.name.lower()]
        said += [f"{failed.mean} failed"] if failed.mean else []
        table.add_row(*(f"{one.mean} {one.spread}".strip() for one in shown), ", ".join(said))
    console = Console()
    console.print(table)
    console.print(visible(f"picked: {rule(outcome)}"), style="dim", markup=False, highlight=False)
