"""What a command finds: tables, figures and claims, before any of it is drawn or written."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.intervals import Interval, interval
from simnpo.evaluation.metrics.verdict import Verdict as Judgement
from simnpo.evaluation.suites.display import NumberKind
from simnpo.report.canvas import Canvas
from simnpo.report.colours import Style
from simnpo.report.prompts import Prompts

MEANS = (
    "Mean over the seeds, with ± half its 95 % interval (Student’s t) where there are several; a "
    "dash: missing. Press a column’s name to sort by it."
)
"""What stands below a table of means."""
Verdict = Literal["held", "not held", "undecided", "not testable"]


class Claim(NamedTuple):
    """A statement of the paper, held against the runs."""

    text: str
    verdict: Verdict
    """Computed: `undecided` where the interval of a difference holds 0."""
    why: str
    """The verdict's numbers, in a sentence or two."""


class Column(NamedTuple):
    """A column of a table."""

    key: str
    short: str
    name: str
    """In full, with what it means."""
    kind: NumberKind = "fixed"
    better: Literal["higher", "lower", "near 0"] | None = None
    group: str = ""
    """What stands above it and its neighbours, such as a model's name."""


class Cell(NamedTuple):
    """A value as a reader sees it."""

    value: float
    """NaN where it is missing."""
    mean: str
    spread: str = ""
    """Half the interval's width, such as `± 0.004`; empty where there is no interval."""
    full: str = ""
    """What is shown where a reader points at the cell."""


class Row(NamedTuple):
    """A row, such as a model, and its values."""

    name: str
    """As styles and figures know the model."""
    values: Mapping[str, Interval]
    """By column, each a mean over seeds with its interval; what is absent is shown as missing."""
    order: str = ""
    """What the row is sorted by, where that is not its name."""
    written: Mapping[str, Cell] = MappingProxyType({})
    """By column, values that are written already."""


@dataclass(frozen=True)
class Table:
    """A table, and next to it the paper's numbers, which are of another scale."""

    name: str
    """Unique among a finding's tables, as a part of a file name."""
    title: str
    """Not shown where it is that of the whole finding."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    paper: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The paper's numbers (7B) by row and column, as far as its text gives them."""
    collapsed: bool = False
    """Whether a reader has to open it."""
    rows_are: str = "Model"
    """What stands above the rows' names."""
    sortable: bool = True
    legend: tuple[str, ...] = (MEANS,)
    """What stands below it."""

    @property
    def groups(self) -> Mapping[str, int]:
        """How many columns stand under each group's name; nothing where there are no groups."""
        return Counter(column.group for column in self.columns if column.group)

    @property
    def explained(self) -> bool:
        """Whether a column's name in full says more than what stands above it."""
        return any(column.name != column.short for column in self.columns)


class Figure(NamedTuple):
    """A figure, drawn when it is asked for."""

    name: str
    """Unique among a finding's figures, as a part of a file name."""
    size: tuple[float, float]
    """Inches."""
    caption: str
    description: str
    """What it shows in words, with the numbers, for readers who do not see it."""
    models: tuple[str, ...]
    """The models drawn, in order, for their colours and markers."""
    paint: Callable[[Canvas, Mapping[str, Style]], None]
    """Fills an empty matplotlib figure, given the style of each model."""
    title: str = ""
    """What stands above it."""


@dataclass(frozen=True)
class Finding:
    """All that a command, or a part of it, shows.

    In a sentence of `summary`, `notes` and a table's `legend`, `` `x` `` is what is typed,
    `**x**` stands out and `[x](#part)` leads to another part.
    """

    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    claims: tuple[Claim, ...] = ()
    answers: tuple[Evaluation, ...] = ()
    """Models whose generated answers are shown side by side."""
    notes: tuple[str, ...] = ()
    """What a reader must know about how the numbers were made."""
    title: str = ""
    summary: tuple[str, ...] = ()
    """What it is about and what came of it, in paragraphs."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What holds for all of it, such as the benchmark."""
    prompts: tuple[Prompts, ...] = ()
    """How the models were asked."""
    questions: int | None = None
    """Questions whose answers are shown, of each set; None shows as many as the suite says."""
    judged: Judgement | None = None
    """Whether the user's own sets were forgotten and kept."""
    judged_when: str = ""
    """When `judged` was measured, as a sentence begins with it."""
    advice: tuple[str, ...] = ()
    """What to change next, after `judged`."""
    parts: Mapping[str, "Finding"] = field(default_factory=dict)
    """What it consists of, by the anchor on a page."""


def row(name: str, values: Mapping[str, Sequence[float]]) -> Row:
    """Return a row from the values of each seed, by column; NaN is left out of no mean."""
    return Row(name, {key: interval(list(ones)) for key, ones in values.items()})


def exceeds(
    text: str,
    names: tuple[str, str],
    pairs: Sequence[tuple[float, float]],
    what: str,
    trials: str = "seeds",
) -> Claim:
    """Judge a claim that one value is above another, from a pair of values per seed.

    Args:
        text: the paper's claim.
        names: whose values they are, the one that is to be higher first.
        pairs: the values, seed by seed; the difference is paired.
        what: what the values are, as in "the mean difference in model utility".
        trials: what the pairs are over, in words.
    """
    kept = [pair for pair in pairs if not any(map(math.isnan, pair))]
    if not kept or len(kept) < len(pairs):
        missing = len(pairs) - len(kept)
        return Claim(
            text, "not testable", f"{missing} of {len(pairs)} {trials} have no such value."
        )
    first, second = (interval(column) for column in zip(*kept, strict=True))
    difference = interval([one - other for one, other in kept])
    summary = (
        f"{names[0]} {first.mean:.3g}, {names[1]} {second.mean:.3g}: difference in {what} "
        f"{difference.mean:.3g}"
    )
    if len(kept) == 1:
        verdict: Verdict = "held" if difference.mean > 0 else "not held"
        if difference.mean == 0:
            verdict = "undecided"
        return Claim(
            text, verdict, f"{summary}. One {trials.removesuffix('s')}, so without an interval."
        )
    verdict = "undecided"
    if difference.low > 0:
        verdict = "held"
    elif difference.high < 0:
        verdict = "not held"
    bounds = f"95 % interval {difference.low:.3g} to {difference.high:.3g}"
    return Claim(text, verdict, f"{summary}, {bounds} over {len(kept)} {trials}.")


def all_of(text: str, parts: Sequence[Claim]) -> Claim:
    """Judge a claim of several parts: held if all are, not held if one is not.

    Without any part there is nothing to test.
    """
    verdicts = [part.verdict for part in parts]
    verdict: Verdict = "undecided"
    if "not held" in verdicts:
        verdict = "not held"
    elif "not testable" in verdicts or not verdicts:
        verdict = "not testable"
    elif all(one == "held" for one in verdicts):
        verdict = "held"
    return Claim(text, verdict, " ".join(f"{part.why}" for part in parts))
