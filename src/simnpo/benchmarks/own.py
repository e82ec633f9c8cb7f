"""A user's own sets as a benchmark: what to forget, what to keep, and what to compare with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.benchmarks.mini_tofu.words import REFUSALS
from simnpo.data.encoding import Encoder
from simnpo.data.identifiers import identifiers_of
from simnpo.data.own_rows import OwnRow
from simnpo.errors import UserError
from simnpo.storage.runs import fingerprint

T = TypeVar("T")
NAME, SUITE = "own data", "own"
FORGET, RETAIN, KEPT, HOLDOUT, GENERAL = "forget", "retain", "kept", "holdout", "general"
RESERVED = (FORGET, RETAIN, KEPT, HOLDOUT, GENERAL)
CONTINUED = "_continued"
"""Ending of the name of a set of texts where its passages are continued, not scored."""
PASSAGE = 100
"""Tokens of a passage of a text: as Carlini et al. (arXiv 2202.07646), half of it is the prompt and
the 50 tokens after it are to come out."""
EXTRA_TOKENS = 8
"""Tokens that a generated answer may have beyond the longest true one."""


@dataclass(frozen=True)
class OwnSets:
    """A user's sets, as they were read."""

    forget: tuple[OwnRow, ...]
    retain: tuple[OwnRow, ...] = ()
    """Rows that the model is trained to keep."""
    kept: tuple[OwnRow, ...] = ()
    """Rows to keep that it is not trained on, see `simnpo.data.held_out`."""
    holdout: tuple[OwnRow, ...] = ()
    """Rows like those to forget that no model has seen."""
    also: Mapping[str, tuple[OwnRow, ...]] = field(default_factory=dict)
    """Further sets by name."""
    title: str = FORGET
    """What reports call the forget set."""

    def named(self) -> dict[str, tuple[OwnRow, ...]]:
        """Return the sets that have rows, by name."""
        sets = {FORGET: self.forget, RETAIN: self.retain, KEPT: self.kept, HOLDOUT: self.holdout}
        return {name: rows for name, rows in (sets | dict(self.also)).items() if rows}

    def fingerprints(self) -> dict[str, str]:
        """Return a hash of each set's rows, by `name_rows`; where a row is from does not count."""
        return {
            f"{name}_rows": fingerprint([row._replace(place="") for row in rows])
            for name, rows in self.named().items()
        }


def check_also(names: Iterable[str]) -> None:
    """Refuse names of further sets that mean something else, or are given twice.

    Raises:
        UserError: naming the name.
    """
    seen: set[str] = set()
    for name in names:
        if not name or not name.replace("_", "").replace("-", "").isalnum():
            raise UserError(f"``also`` {name!r}: a name has letters, digits, - and _ only.")
        if name in RESERVED or name.endswith(CONTINUED):
            raise UserError(f"``also`` {name}: this name is taken; choose another.")
        if name in seen:
            raise UserError(f"``also`` {name}: two sets have this name.")
        seen.add(name)


def own_benchmark(sets: OwnSets, encoder: Encoder, max_items: int | None = None) -> Benchmark:
    """Return the benchmark that measures a model on a user's sets.

    Questions are asked and their answers scored. Texts are split into passages of `PASSAGE`
    tokens, which are scored; passages of the forget, retain and kept sets are continued, too.

    Args:
        sets: what was read.
        encoder: the model's tokenizer, which counts tokens and splits texts.
        max_items: rows (or passages) of each set at most, evenly spaced; None takes all.

    Raises:
        UserError: there is nothing to forget, or a text is too short to be scored.
    """
    if not sets.forget:
        raise UserError("the forget set has no rows: give ``forget=FILE`` with at least one.")
    evaluation: dict[str, EvaluationSet] = {}
    for name, rows in sets.named().items():
        asked = [row for row in rows if row.example.question is not None]
        if asked and len(asked) < len(rows):
            raise UserError(f"the {name} set mixes questions and plain texts; split it into two.")
        if asked:
            evaluation[name] = _questions(evenly_spaced(asked, max_items), encoder)
            continue
        passages = [part for row in rows for part in _passages(row.example.answer, encoder)]
        passages = evenly_spaced(passages, max_items)
        evaluation[name] = EvaluationSet(tuple(Item(None, start + end) for start, end in passages))
        if name in (FORGET, RETAIN, KEPT):
            evaluation[name + CONTINUED] = EvaluationSet(
                tuple(Item(start, end) for start, end in passages),
                PASSAGE // 2 + EXTRA_TOKENS,
                scored=False,
                verbatim=True,
            )
    return Benchmark(
        NAME,
        sets.title,
        tuple(row.example for row in sets.forget),
        tuple(row.example for row in sets.retain),
        REFUSALS,
        evaluation,
        SUITE,
        max_length=encoder.max_length,
    )


def evenly_spaced(values: Sequence[T], count: int | None) -> list[T]:
    """Return `count` of the values, evenly spaced, or all where there are no more."""
    if count is None or len(values) <= count:
        return list(values)
    return [values[index * len(values) // count] for index in range(count)]


def _questions(rows: Sequence[OwnRow], encoder: Encoder) -> EvaluationSet:
    """Return questions that are asked.

    An answer that the length limit shortens is compared with what it leaves, which is what training
    sees of it; the identifiers in its end must not come out all the same.
    """
    longest = max(len(encoder.verbatim(row.example.answer)) for row in rows)
    items = tuple(
        Item(row.example.question, row.example.answer, row.paraphrase, row.perturbed)
        for row in rows
    )
    references = tuple(encoder.fitting(item.question or "", item.answer) for item in items)
    identifiers = tuple(
        identifiers_of(item.answer)
        if row.identifiers is None and reference != item.answer
        else row.identifiers
        for row, item, reference in zip(rows, items, references, strict=True)
    )
    return EvaluationSet(
        items,
        min(longest + EXTRA_TOKENS, encoder.max_length),
        identifiers=identifiers,
        references=references,
    )


def _passages(text: str, encoder: Encoder) -> list[tuple[str, str]]:
    """Split a text into passages, each a prompt and its continuation.

    A last passage of less than half the length is left out, unless it is the only one.

    Raises:
        UserError: the text has no two tokens.
    """
    ids = encoder.plain_ids(text)
    if len(ids) < 2:
        raise UserError(f"the text {text!r:.80} has fewer than two tokens: nothing to score.")
    size = min(PASSAGE, encoder.max_length - 1)
    found: list[tuple[str, str]] = []
    for begin in range(0, len(ids), size):
        piece = ids[begin : begin + size]
        if (found and len(piece) < size // 2) or len(piece) < 2:
            break
        found.append(_halves(piece, encoder))
    return found


def _halves(piece: Sequence[int], encoder: Encoder) -> tuple[str, str]:
    """Return a passage's prompt and its continuation, which together are the passage.

    Where the middle is within a character of several tokens, the prompt ends before it.
    """
    (whole,) = encoder.tokenizer.batch_decode([piece])
    for length in range(len(piece) // 2, 0, -1):
        (start,) = encoder.tokenizer.batch_decode([piece[:length]])
        if whole.startswith(start) and start != whole:
            return start, whole.removeprefix(start)
    middle = len(whole) // 2
    return whole[:middle], whole[middle:]
