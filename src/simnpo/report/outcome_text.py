"""What `unlearn` did, printed after it: the verdict, before and after, answers, what to do next."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from simnpo.benchmarks.own import evenly_spaced
from simnpo.report.plain_text import WIDTH, as_text, indented, one_line
from simnpo.system.terminal import visible

SHOWN = 3
"""Forget answers printed."""
_SET = "Set"
_LONGEST_NAME = 16  # columns; a longer name of a set goes on in the next line
_STATES = ("before", "after")


class SetChange(NamedTuple):
    """The cells of one set before and after, formatted, in the order of the measures."""

    name: str
    before: Sequence[str]
    after: Sequence[str]


class AnswerChange(NamedTuple):
    """A question's answers: of the model before, of the model after, and the true one."""

    question: str
    before: str
    after: str
    true: str


def describe_outcome(
    verdict: str,
    measures: Sequence[str],
    sets: Sequence[SetChange],
    answers: Sequence[AnswerChange],
    advice: Sequence[str] = (),
    places: Sequence[tuple[str, str]] = (),
    general: tuple[str, str] | None = None,
    width: int = WIDTH,
) -> str:
    """Return the summary that is printed after unlearning.

    Args:
        verdict: one sentence with its counts.
        measures: short titles of the table's columns, such as `probability` and `verbatim`.
        sets: the table's rows, two lines each.
        answers: of the forget set; `SHOWN` of them, evenly spaced, are printed.
        advice: what to change next, one sentence each.
        places: what was written and where, such as `("Report", "out/report.html")`; paths are
            never truncated.
        general: general ability before and after, formatted, where it was measured.
        width: columns; longer texts are truncated with an ellipsis, sentences are wrapped.

    Raises:
        ValueError: a set has more or fewer cells than there are measures.
    """
    parts: list[Table | Text] = [Text(visible(verdict)), Text(), _table(measures, sets, width)]
    if general is not None:
        before, after = map(visible, general)
        parts += [Text(), Text(f"General ability: {before} before, {after} after.")]
    blocks = [as_text(parts, width)]
    blocks += [_answer(one, width) for one in evenly_spaced(answers, SHOWN)]
    if advice:
        blocks.append(as_text([Text(visible(f"Next: {one}")) for one in advice], width))
    if places:
        blocks.append("\n".join(visible(f"{name}: {place}") for name, place in places))
    return "\n\n".join(blocks)


def _table(measures: Sequence[str], sets: Sequence[SetChange], width: int) -> Table:
    """Return two lines per set, or where that is too wide, a line per measure below each set."""
    for one in sets:
        for state, cells in zip(_STATES, (one.before, one.after), strict=True):
            if len(cells) != len(measures):
                raise ValueError(f"{one.name}, {state}: {len(cells)} cells, not {len(measures)}")
    titles = [visible(title) for title in measures]
    columns = [
        max(
            *(cell_len(word) for word in title.split()),
            *(cell_len(visible(cells[place])) for one in sets for cells in one[1:]),
            0,
        )
        for place, title in enumerate(titles)
    ]
    name = min(max((cell_len(visible(one.name)) for one in sets), default=0), _LONGEST_NAME)
    columns = [max(name, len(_SET)), max(map(len, _STATES)), *columns]
    if sum(columns) + 2 * len(columns) - 1 > width:
        return _by_measure(titles, sets)
    table = _empty_table()
    for place, (title, size) in enumerate(zip((_SET, "", *titles), columns, strict=True)):
        side: Literal["left", "right"] = "left" if place < 2 else "right"
        table.add_column(Text(title), justify=side, overflow="fold", width=size)
    for one in sets:
        table.add_row(*map(Text, (visible(one.name), _STATES[0], *map(visible, one.before))))
        table.add_row(*map(Text, ("", _STATES[1], *map(visible, one.after))))
    return table


def _by_measure(titles: Sequence[str], sets: Sequence[SetChange]) -> Table:
    table = _empty_table()
    table.add_column(_SET, overflow="fold")
    for state in _STATES:
        table.add_column(state, justify="right", overflow="fold")
    for one in sets:
        table.add_row(Text(visible(one.name)))
        for title, *cells in zip(titles, one.before, one.after, strict=True):
            table.add_row(Text(f"  {title}"), *(Text(visible(cell)) for cell in cells))
    return table


def _empty_table() -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)


def _answer(one: AnswerChange, width: int) -> str:
    texts = {"before": one.before, "after": one.after, "true": one.true}
    lines = [
        indented(label.ljust(len("before")), text.strip() or "(empty)", width)
        for label, text in texts.items()
    ]
    return "\n".join([one_line(one.question.strip(), width), *lines])
