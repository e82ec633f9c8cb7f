"""What a campaign has found: a table, a line for each fault, and a page."""

import json
import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fault_injection.cases import KINDS
from fault_injection.judging import VERDICTS


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of results; a last line that was cut short does not count."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def rows(lines: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the table: a row for each kind, a column for each verdict."""
    counts = Counter((line["kind"], line["verdict"]) for line in lines)
    made = [["kind", "cases", *VERDICTS]]
    for kind in KINDS:
        numbers = [counts[kind, verdict] for verdict in VERDICTS]
        if sum(numbers):
            made.append([kind, str(sum(numbers)), *map(str, numbers)])
    columns = [sum(counts[kind, verdict] for kind in KINDS) for verdict in VERDICTS]
    return [*made, ["all", str(len(lines)), *map(str, columns)]]


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Return the table as text."""
    made = rows(lines)
    widths = [max(len(row[place]) for row in made) for place in range(len(made[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) if place else cell.ljust(width)
                  for place, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in made
    )  # fmt: skip


def one_line(line: dict[str, Any]) -> str:
    """Return what a case has found."""
    where = f"{line['name']} ({line['fault']}, {line['recipe']})"
    return f"{where}: {line['verdict']}: {line['detail']}"


def page(
    lines: Sequence[dict[str, Any]], product: str, words: Sequence[str], minutes: float
) -> str:
    """Return the results as a page of Markdown."""
    head, *body = rows(lines)
    versions = ", ".join(f"{name} {version(name)}" for name in ("simnpo", "torch", "transformers"))
    failed = [line for line in lines if line["verdict"] != "ok"]
    made = [
        "# Faults",
        "",
        "Commands were killed, ran out of disk, read hostile input, worked in odd surroundings, or",
        "two worked in one folder. Each outcome was compared with an undisturbed run by code that",
        "shares nothing with the product. What the columns mean:",
        "",
        "- lost: something of the user's, or work that a message said was kept",
        "- silently wrong: exit code 0 and another result; something half-written that looks",
        "  finished; control characters on a terminal; a failure without a message",
        "- traceback: one was shown, or the process crashed",
        "- orphan: processes outlived their parent",
        "- hang: still running after twelve times the usual time, and at least 20 seconds",
        "- verbose: a message of more than five lines, or libraries' noise",
        "- litter: files were left over",
        "",
        "```sh",
        f"python benchmarks/faults.py {' '.join(words)}",
        "```",
        "",
        f"{len(lines)} cases; this call took {minutes:.0f} minutes. {versions}, Python "
        f"{platform.python_version()}; source {product}.",
        "",
        "| " + " | ".join(head) + " |",
        "|---" + "|---:" * (len(head) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in body),
        "",
        "## What was found",
        "",
        *(f"- {escaped(one_line(line))}" for line in failed),
        *(() if failed else ["Nothing."]),
    ]
    return "\n".join(made) + "\n"


def escaped(text: str) -> str:
    """Return a text as Markdown shows it, on one line."""
    return text.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")
