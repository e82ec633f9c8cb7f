"""`simnpo compare`: several evaluated runs side by side."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from simnpo.cli.options import Unset
from simnpo.system.command_words import command_text
from simnpo.system.terminal import write


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
    explain: bool = False
    """Say at length what each column of the table is."""
    csv: bool = False
    """Print the table as CSV, a line for each number with its interval."""
    markdown: bool = False
    """Print the table in Markdown, with intervals."""
    latex: bool = False
    """Print the table for LaTeX's booktabs, with intervals. --out/tables has it in all forms."""
    overwrite: bool = False
    """Replace the report in --out."""

    def run(self) -> None:
        """Print the table, write the report, and say where it is."""
        from simnpo.errors import UserError
        from simnpo.evaluation.evaluation import read_evaluation
        from simnpo.evaluation.summary import disambiguate
        from simnpo.report.comparison_table import NAME, comparison_table
        from simnpo.report.finding_page import TABLES
        from simnpo.report.finding_tables import KINDS, write_table
        from simnpo.report.page import FILES, check_comparable, write_report
        from simnpo.report.table import print_table
        from simnpo.storage.runs import check_free, clear

        if not self.folders:
            raise UserError("give the folders of one or more evaluations.")
        forms = [self.csv, self.markdown, self.latex]
        if sum(forms) > 1:
            raise UserError("``csv``, ``markdown`` and ``latex`` are three forms; give one.")
        evaluations = [read_evaluation(folder) for folder in self.folders]
        names = disambiguate([one.name for one in evaluations], self.folders)
        evaluations = [
            one._replace(name=name) for one, name in zip(evaluations, names, strict=True)
        ]
        check_comparable(evaluations)
        files = (*FILES, *(f"{TABLES}/{NAME}.{kind}" for kind in KINDS))
        check_free(self.out, files, self.overwrite)
        clear(self.out, files)
        first = evaluations[0].summary
        title = self.title or f"{first['benchmark']} {first['split'] or ''}".strip()
        report = write_report(evaluations, self.out, title, command_text())
        write_table(self.out / TABLES, NAME, comparison_table(evaluations, title))
        if any(forms):
            kind = KINDS[forms.index(True)]
            write((self.out / TABLES / f"{NAME}.{kind}").read_text(encoding="utf-8"), end="")
        else:
            print_table(evaluations, explain=self.explain)
        write(f"Report: {report}; tables: {self.out / TABLES}", to_stderr=any(forms))
