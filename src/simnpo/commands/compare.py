"""`simnpo compare`: several evaluated runs side by side."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from simnpo.commands.options import Unset


@dataclass(frozen=True)
class Compare:
    """Put several evaluations side by side, as a table and as a report.

    Example: simnpo compare runs/retrain runs/npo runs/simnpo --out comparison
    """

    folders: Positional[tuple[Path, ...]]
    """Evaluations' folders, or runs' folders that hold an `evaluation`."""
    out: Path = Path("comparison")
    """Folder for report.html and its plots."""
    title: Unset[str] = None
    """Title of the report."""
    overwrite: bool = False
    """Replace the report in --out."""

    def run(self) -> None:
        """Print the table, write the report, and say where it is."""
        from simnpo.errors import UserError
        from simnpo.report.page import FILES, check_comparable, write_report
        from simnpo.report.table import print_table
        from simnpo.runs import check_free, clear
        from simnpo.scoring.evaluation import read_evaluation

        if not self.folders:
            raise UserError("give the folders of one or more evaluations.")
        evaluations = [read_evaluation(folder) for folder in self.folders]
        names = [one.name for one in evaluations]
        evaluations = [  # two of a name are told apart by their folders
            one._replace(name=tail) if names.count(one.name) > 1 else one
            for tail, one in zip(_tails(self.folders), evaluations, strict=True)
        ]
        check_comparable(evaluations)
        check_free(self.out, FILES, self.overwrite)
        clear(self.out, FILES)
        print_table(evaluations)
        first = evaluations[0].summary
        title = self.title or f"{first['benchmark']} {first['split'] or ''}".strip()
        report = write_report(evaluations, self.out, title, "simnpo " + " ".join(sys.argv[1:]))
        print(f"Report: {report}")


def _tails(folders: Sequence[Path]) -> list[str]:
    """Return folders as they differ: without the parents that all have."""
    whole = [folder.resolve() for folder in folders]
    common = os.path.commonpath([folder.parent for folder in whole])
    return [str(folder.relative_to(common)) for folder in whole]
