"""The comparison of models: as a data frame, in the terminal, and as Markdown."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simnpo.report.numbers import compact, fixed, number, p_value
from simnpo.scoring.evaluation import Evaluation


class Column(NamedTuple):
    """One metric of the comparison."""

    key: str
    """Name in `summary["metrics"]`."""
    group: str
    short: str
    """Header under the group's."""
    name: str
    """The metric in full."""


SETS = {
    "forget": "Forget set",
    "retain": "Retain set",
    "real_authors": "Real authors",
    "world_facts": "World facts",
}
"""Evaluation sets by their name in the tables, and as a reader sees them."""

PARTS = {"probability": ("P", "probability"), "rouge_l": ("R", "ROUGE-L recall")}
PARTS["truth_ratio"] = ("TR", "truth ratio")

OVERALL = (
    Column("forget_quality", "Overall", "FQ", "Forget quality (p-value)"),
    Column("forget_quality_log10_p", "Overall", "log₁₀ p", "Base-10 logarithm of forget quality"),
    Column("forget_quality_statistic", "Overall", "KS", "Kolmogorov–Smirnov statistic"),
    Column("model_utility", "Overall", "MU", "Model utility"),
)
COLUMNS = OVERALL + tuple(
    Column(f"{name}.{part}", title, short, f"{title}: {long}")
    for name, title in SETS.items()
    for part, (short, long) in PARTS.items()
)

MEANS = {
    "geometric": "geometric mean (mean of the log-probabilities)",
    "arithmetic": "arithmetic mean",
}


def aggregation(evaluations: Sequence[Evaluation]) -> str:
    """Name the mean over wrong answers that these evaluations' truth ratios use."""
    return str(evaluations[0].summary["truth_ratio_aggregation"])


WIDTH = 100
"""Columns of the printed table at least: a narrower terminal wraps it, rather than lose names."""


def caption(evaluations: Sequence[Evaluation]) -> list[str]:
    """Say what each column is and how it was averaged, one sentence group an entry."""
    over = MEANS.get(aggregation(evaluations), aggregation(evaluations))
    return [
        "FQ, forget quality: p-value of the two-sample Kolmogorov–Smirnov test between the model's"
        " and Retrain's truth ratios on the forget set; 1 where they cannot be told apart.",
        "KS: statistic of that test, the largest gap between the two distributions.",
        "MU, model utility: harmonic mean of the nine values P, R and TR on the retain set, real"
        " authors and world facts; higher means more was kept.",
        "P: mean over items of the answer's length-normalised probability; on real authors and"
        " world facts its share among the given answers.",
        "R: mean over items of the greedy answer's ROUGE-L recall.",
        "TR: mean over items of min(ρ, 1/ρ) on the forget set and of max(0, 1 − ρ) elsewhere, where"
        " the truth ratio ρ is the wrong answers' length-normalised probability over the"
        f" paraphrase's; the wrong answers are aggregated by their {over}.",
        "A dash marks a missing value.",
    ]


def comparison(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """One row per model in the order given, one column per metric; NaN where there is none."""
    rows = [
        [number(evaluation.summary["metrics"].get(column.key)) for column in COLUMNS]
        for evaluation in evaluations
    ]
    names = pd.Index([evaluation.name for evaluation in evaluations], name="model")
    return pd.DataFrame(rows, index=names, columns=[column.key for column in COLUMNS], dtype=float)


def print_table(evaluations: Sequence[Evaluation], console: Console | None = None) -> None:
    """Print the comparison in the terminal; it fits 100 columns with names of up to 16 characters.

    The base-10 logarithm is left out: forget quality below 0.001 prints its exponent.
    """
    console = console or Console(width=max(WIDTH, Console().width))
    shown = [column for column in COLUMNS if column.key != "forget_quality_log10_p"]
    short_groups = {"Real authors": "author", "World facts": "facts", "Overall": ""}
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("\nModel", overflow="fold", min_width=14, max_width=24)
    previous = ""
    for column in shown:
        group = short_groups.get(column.group, column.group.split()[0].lower())
        table.add_column(
            f"{'' if group == previous else group}\n{column.short}", justify="right", no_wrap=True
        )
        previous = group
    for name, values in comparison(evaluations).iterrows():
        table.add_row(escape(str(name)), *(compact(values[column.key]) for column in shown))
    console.print(table)
    console.print(" ".join(caption(evaluations)), style="dim", markup=False, highlight=False)


def markdown_table(evaluations: Sequence[Evaluation]) -> str:
    """Write forget quality, utility and the forget and retain sets as a Markdown table."""
    shown = [c for c in COLUMNS if c.group in ("Overall", "Forget set", "Retain set")]
    shown = [column for column in shown if column.key != "forget_quality_log10_p"]
    heads = [
        column.short if column.group == "Overall" else f"{column.group.split()[0]} {column.short}"
        for column in shown
    ]
    lines = [f"| Model | {' | '.join(heads)} |", "|---|" + "---:|" * len(shown)]
    for name, values in comparison(evaluations).iterrows():
        cells = " | ".join(
            (p_value if column.key == "forget_quality" else fixed)(values[column.key])
            for column in shown
        )
        lines.append(f"| {_cell(str(name))} | {cells} |")
    return "\n".join(lines) + "\n\n" + " ".join(caption(evaluations)) + "\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
