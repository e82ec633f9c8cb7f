"""Questions of a report with every model's answer, side by side."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from simnpo.benchmarks.own import evenly_spaced
from simnpo.data.normal_text import composed
from simnpo.errors import UserError
from simnpo.evaluation.evaluation import Evaluation
from simnpo.evaluation.metrics.tofu_items import generations_by_item
from simnpo.evaluation.suites import display_of
from simnpo.report.differences import Piece, pieces


class Answer(NamedTuple):
    """One model's greedy answer."""

    name: str
    text: str
    exact: bool
    """Whether it is the reference, but for white space around it and its Unicode form."""
    pieces: tuple[Piece, ...]
    """The text in pieces, each of which stands in the reference or not."""
    score: float
    """How much of the reference is in it, by the view's `answer_score`."""


class Card(NamedTuple):
    """One question with its reference answer and the models' answers in the order given."""

    item: int
    question: str
    reference: str
    answers: tuple[Answer, ...]


def answered_cards(
    evaluations: Sequence[Evaluation], names: Sequence[str], shown: int | None = None
) -> dict[str, list[Card]]:
    """Return the questions of each named set that any of the models answered, see `cards`."""
    answered = {name for one in evaluations for name in one.tables.generations["set"].unique()}
    return {name: cards(evaluations, name, shown) for name in names if name in answered}


def cards(evaluations: Sequence[Evaluation], set_name: str, shown: int | None = None) -> list[Card]:
    """Pick `shown` questions of a set, evenly spaced over the items every model answered.

    None shows as many as the view says.

    Raises:
        UserError: an item is repeated, or two evaluations ask different questions under the same
            item.
    """
    if not evaluations:
        return []
    tables = [generations_by_item(e.tables.generations, set_name) for e in evaluations]
    common = sorted(set.intersection(*(set(table.index) for table in tables)))
    first = tables[0].loc[common]
    for evaluation, table in zip(evaluations, tables, strict=True):
        pairs = zip(first["question"], table.loc[common, "question"], strict=True)
        differ = [composed(one) != composed(other) for one, other in pairs]
        if any(differ):
            raise UserError(
                f"{evaluations[0].name} and {evaluation.name} have different questions in item"
                f" {common[differ.index(True)]} of {set_name!r}: a report compares"
                " evaluations of the same benchmark and split."
            )
    view = display_of(evaluations)
    picked = evenly_spaced(common, shown or view.answers_shown)
    return [
        Card(
            item,
            view.asked(str(first.at[item, "question"])),
            str(first.at[item, "reference"]),
            tuple(
                _answer(
                    e.name,
                    view.answered(set_name, str(table.at[item, "generated"])),
                    str(table.at[item, "reference"]),
                    view.answer_score,
                )
                for e, table in zip(evaluations, tables, strict=True)
            ),
        )
        for item in picked
    ]


def _answer(
    name: str,
    generated: str,
    reference: str,
    score: Callable[[list[tuple[str, str]]], Iterable[float]],
) -> Answer:
    text, wanted = generated.strip(), reference.strip()
    (scored,) = score([(wanted, text)])
    return Answer(
        name, text, composed(text) == composed(wanted), tuple(pieces(wanted, text)), float(scored)
    )
