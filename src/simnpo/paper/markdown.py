"""The report of a reproduction as Markdown, for a repository's pages."""

from collections.abc import Mapping
from pathlib import Path

from simnpo.paper.report import Shown, label_of
from simnpo.report.finding import Claim
from simnpo.report.finding_page import PLOTS
from simnpo.report.finding_tables import as_markdown
from simnpo.storage.files import write_text
from simnpo.system.terminal import harmless

REPORT = "report.md"


def write_markdown(
    shown: Mapping[str, Shown],
    folder: Path,
    *,
    title: str,
    command: str,
    settings: Mapping[str, str],
) -> Path:
    """Write `report.md` next to the page; its pictures are those that the page's report wrote.

    Args:
        shown: see `simnpo.paper.report.write_reproduction`.
        folder: where to write.
        title: the heading.
        command: the command that made the report.
        settings: what holds for all of it.

    Returns:
        The path of the file.
    """
    facts = ", ".join(f"{name.lower()} {value}" for name, value in settings.items())
    lines = [f"# {title}", "", f"Made by `{command}`; {facts}.", "", "## All claims", ""]
    lines += ["| Artefact | The paper's claim | Here | The numbers |", "|---|---|---|---|"]
    for name, one in shown.items():
        label = f"[{label_of(name)}](#{name.lower()})"
        if isinstance(one.finding, str):
            lines.append(f"| {label} | | not made | {one.finding} |")
            continue
        lines += [_claim(label, claim) for claim in one.finding.claims]
    for name, one in shown.items():
        lines += ["", *_section(name, one)]
    path = folder / REPORT
    write_text(path, harmless("\n".join(lines) + "\n"))
    return path


def _claim(label: str, claim: Claim) -> str:
    return f"| {label} | {claim.text} | **{claim.verdict}** | {claim.why} |"


def _section(name: str, one: Shown) -> list[str]:
    anchor = f'<a id="{name.lower()}"></a>'
    lines = [anchor, "", f"## {label_of(name)}: {one.title}", "", f"The paper: {one.shows}", ""]
    if isinstance(one.finding, str):
        return [*lines, f"Not made: {one.finding}"]
    lines += [f"- **{claim.verdict}**: {claim.text} {claim.why}" for claim in one.finding.claims]
    for figure in one.finding.figures:
        picture = f"{PLOTS}/{name}-{figure.name}.png"
        lines += ["", f"![{figure.caption}]({picture})", "", f"*{figure.caption}*"]
    for table in one.finding.tables:
        text = as_markdown(table).rstrip()
        if table.collapsed:
            opening = f"<details><summary>{table.title}</summary>"
            lines += ["", opening, "", text, "", "</details>"]
        else:
            lines += ["", f"{table.title}:", "", text]
    if one.finding.notes:
        lines += ["", *(f"- {note}" for note in one.finding.notes)]
    return lines
