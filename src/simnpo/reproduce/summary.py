"""What a reproduction found, in the terminal: each claim with its verdict."""

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from simnpo.report.table import WIDTH
from simnpo.reproduce.finding import Finding


def print_claims(findings: Mapping[str, Finding], console: Console | None = None) -> None:
    """Print the claims of each artefact and whether they hold.

    Args:
        findings: by artefact, in order.
        console: where to; standard output by default.
    """
    console = console or Console(width=max(WIDTH, Console().width))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("Artefact", no_wrap=True)
    table.add_column("The paper's claim")
    table.add_column("Here", no_wrap=True)
    for name, finding in findings.items():
        for claim in finding.claims:
            table.add_row(name, claim.text, claim.verdict)
    if table.row_count:
        console.print(table)


def count_verdicts(findings: Mapping[str, Finding]) -> str:
    """Say how many claims have which verdict: `12 held, 3 not held`."""
    verdicts = [claim.verdict for finding in findings.values() for claim in finding.claims]
    return ", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(sorted(verdicts)))
