"""What a reproduction found, in the terminal: each claim with its verdict."""

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simnpo.paper.report import Shown
from simnpo.system.terminal import visible


def print_findings(shown: Mapping[str, Shown], console: Console | None = None) -> None:
    """Print every artefact's claims and whether they hold, and how many do.

    Args:
        shown: by artefact, in order.
        console: where to; standard output by default.
    """
    console = console or Console()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("Artefact", no_wrap=True)
    table.add_column("The paper's claim")
    table.add_column("Here", no_wrap=True)
    verdicts: dict[str, int] = {}
    for name, one in shown.items():
        if isinstance(one.finding, str):
            table.add_row(name, Text(visible(one.finding)), "not made")
            continue
        for claim in one.finding.claims:
            table.add_row(name, Text(visible(claim.text)), claim.verdict)
            verdicts[claim.verdict] = verdicts.get(claim.verdict, 0) + 1
    if not table.row_count:
        return
    console.print(table)
    if verdicts:
        counted = ", ".join(f"{count} {one}" for one, count in verdicts.items())
        console.print(f"Claims: {counted}.")
